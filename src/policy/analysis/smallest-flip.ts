import { buildInput } from '../input.ts'
import type { Decision } from '../decision.schema.ts'
import type { PolicyInput } from '../input.schema.ts'
import { type Flip, flipOf } from '../replay.ts'
import { alternativesOf } from './alternatives.ts'
import { type Fact, factAt, factsOf, type FactValue, isSame, pathText, withFact, withoutFact } from './input-path.ts'
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
    return now !== undefined && differences.every((name) => now[name] === flip[name])
  }
  const input = reduced(flip.input, holds)
  const facts = factsOf(input).filter((fact) => isNeeded(input, fact, changed, holds))
  return { ...flip, input, facts: facts.map(({ path, value }) => ({ path: pathText(path), value })) }
}

const differences = ['kind', 'rule', 'code', 'before', 'after'] as const

/** Again and again, since a fact may have been needed only because of another. */
function reduced(flipped: PolicyInput, holds: (input: PolicyInput) => boolean): PolicyInput {
  const { call, principal } = flipped
  const nothing = buildInput({
    call: { id: call.id, action: call.action, tool: '', digest: '', attempt: 0, unixMs: 0 },
    timeZone: 'UTC',
    principal: { kind: principal.kind, id: '', name: '' },
  })
  let input = flipped
  for (let before: PolicyInput | undefined; before !== input; ) {
    before = input
    for (const { path, value } of factsOf(input)) {
      if (kept.has(path.join('.')) || isSame(value, factAt(nothing, path))) continue
      input = forgotten(input, { path, value }, factAt(nothing, path), holds)
    }
  }
  return input
}

/** Without the fact, or without those items of a list that it can do without; or as it was. */
function forgotten(
  input: PolicyInput,
  { path, value }: Fact,
  unknown: FactValue | undefined,
  holds: (input: PolicyInput) => boolean,
): PolicyInput {
  const without = unknown === undefined ? withoutFact(input, path) : withFact(input, path, unknown)
  if (holds(without)) return without
  if (!Array.isArray(value)) return input
  return value.reduce((fewer: PolicyInput, item: unknown) => {
    const items = factAt(fewer, path)
    const rest = withFact(fewer, path, Array.isArray(items) ? items.filter((other) => other !== item) : [])
    return holds(rest) ? rest : fewer
  }, input)
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
