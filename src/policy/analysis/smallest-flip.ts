import { buildInput } from '../input.ts'
import type { Decision } from '../decision.schema.ts'
import type { PolicyInput } from '../input.schema.ts'
import { type Flip, flipOf } from '../replay.ts'
import { alternativesOf } from './alternatives.ts'
import { type Fact, factAt, factsOf, type FactValue, pathText, withFact } from './input-path.ts'
import { speaksOf, type Vocabulary } from './vocabulary.ts'

/** The two policies of a flip. */
export interface Sides {
  readonly before: (input: PolicyInput) => Decision
  readonly after: (input: PolicyInput) => Decision
}

/** A flip whose input says no more than it needs, and those facts in it that what changed looks at. */
export interface SmallestFlip extends Flip {
  readonly facts: readonly { readonly path: string; readonly value: FactValue }[]
}

/** What makes it this question, whatever else is known. */
const kept = new Set(['schema', 'mode', 'call.action', 'principal.kind'])

/**
 * Forgets one fact after the other as long as the two policies still differ in the same way.
 * @param changed what the changes between them speak of
 */
export function smallestFlip(flip: Flip, sides: Sides, changed: Vocabulary): SmallestFlip {
  const holds = (input: PolicyInput): boolean => {
    const now = flipOf(input, sides.before(input), sides.after(input))
    return now !== undefined && now.kind === flip.kind && now.rule === flip.rule && now.code === flip.code
  }
  const input = reduced(flip.input, holds)
  const facts = factsOf(input).filter((fact) => isNeeded(input, fact, changed, holds))
  return { ...flip, input, facts: facts.map(({ path, value }) => ({ path: pathText(path), value })) }
}

function reduced(flipped: PolicyInput, holds: (input: PolicyInput) => boolean): PolicyInput {
  const { call, principal } = flipped
  const nothing = buildInput({
    call: { id: call.id, action: call.action, tool: '', digest: '', attempt: 0, unixMs: 0 },
    timeZone: 'UTC',
    principal: { kind: principal.kind, id: '', name: '' },
  })
  let input = holds({ ...flipped, arguments: {} }) ? { ...flipped, arguments: {} } : flipped
  for (const { path, value } of factsOf(input)) {
    const unknown = factAt(nothing, path)
    if (kept.has(path.join('.')) || unknown === undefined) continue
    const smaller = [unknown, ...(Array.isArray(value) ? value.map((_, at) => value.toSpliced(at, 1)) : [])]
    const fitting = smaller.map((each) => withFact(input, path, each)).find(holds)
    if (fitting !== undefined) input = fitting
  }
  return input
}

function isNeeded(
  input: PolicyInput,
  fact: Fact,
  changed: Vocabulary,
  holds: (input: PolicyInput) => boolean,
): boolean {
  const name = fact.path.join('.')
  if (name === 'call.action' || name === 'principal.kind') return true
  if (kept.has(name) || !speaksOf(changed, fact.path)) return false
  return alternativesOf(input, fact, changed).some((other) => !holds(withFact(input, fact.path, other)))
}
