import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Effect } from '../../kernel/vocabulary.ts'
import type { Decision, Reason } from '../decision.schema.ts'
import type { PolicyInput } from '../input.schema.ts'
import { alternativesOf } from './alternatives.ts'
import { type Fact, factsOf, type FactValue, type InputPath, withFact } from './input-path.ts'
import { speaksOf, type Vocabulary } from './vocabulary.ts'

/** One fact, as it is and as it would have to be. */
export interface FactChange {
  readonly path: InputPath
  readonly from: FactValue
  readonly to: FactValue
}

export interface LeastChange {
  /** What the answer would be then. */
  readonly effect: Effect
  readonly changes: readonly FactChange[]
}

export interface Sensitivity {
  /** Of each reason, in the order of the decision: the facts without which it would not be there. */
  readonly facts: readonly (readonly Fact[])[]
  /** The smallest set of other facts that was found to lead to another answer; null when none was. */
  readonly leastChange: LeastChange | null
}

/** Facts that say which call it is. With others it would be another call, and not another answer to this one. */
const identity = new Set([
  'schema',
  'mode',
  'call.id',
  'call.action',
  'call.tool',
  'call.digest',
  'principal.kind',
  'principal.id',
  'resource.type',
  'resource.id',
  'resource.name',
])
const CHANGES_MAX = 4
/** So many sets of changes are looked at further, the most promising ones. */
const SETS_KEPT = 24
/** So long others wait for their turn. */
const TURN_MS = 5
/** What was not found by then is not looked for any more. */
const SEARCH_MS_MAX = 5_000

const weight = { allow: 0, require_approval: 1, deny: 2 } as const

type Ask = (input: PolicyInput) => Decision

/** Whether somebody has a group. */
export type Sees = (group: string) => boolean

interface Tried {
  readonly input: PolicyInput
  readonly changes: readonly FactChange[]
  readonly decision: Decision
}

/**
 * Finds out by asking which facts each reason stands on, and the least that would change the answer: first one change,
 * then sets of them, from those that already took a reason away. Gives way to other work, and gives up after five seconds.
 * @param sees which groups a change may bring in
 */
export async function sensitivityOf(
  input: PolicyInput,
  words: Vocabulary,
  decide: Ask,
  sees: Sees = () => true,
): Promise<Sensitivity> {
  const decision = decide(input)
  const ask = bounded(decide)
  const relevant = factsOf(input).filter(({ path }) => !identity.has(path.join('.')) && speaksOf(words, path))
  const singles: Tried[] = []
  for (const fact of relevant)
    for (const to of alternativesOf(input, fact, words).filter((value) => isSeen(value, fact, sees))) {
      const other = withFact(input, fact.path, to)
      const answer = await ask(other)
      if (answer !== undefined && !saysSame(answer, decision))
        singles.push({ input: other, changes: [{ path: fact.path, from: fact.value, to }], decision: answer })
    }
  return {
    facts: decision.reasons.map((reason) => factsBehind(reason, decision, singles, relevant)),
    leastChange: await search(decision, singles, ask),
  }
}

/** Whether a change names no group that was not there and that whoever asks does not have. */
function isSeen(value: FactValue, { path, value: present }: Fact, sees: Sees): boolean {
  if (path.at(-1) !== 'groups' || !Array.isArray(value)) return true
  return value.every((group) => (Array.isArray(present) && present.includes(group)) || sees(String(group)))
}

/** A reason also goes where another rule outweighs it: that says nothing of the facts that it stands on. */
function factsBehind(
  reason: Reason,
  { effect }: Decision,
  singles: readonly Tried[],
  facts: readonly Fact[],
): readonly Fact[] {
  const own = new Set([reason.rule, 'certlocker.main'])
  const without = singles.filter(
    ({ decision }) =>
      !decision.reasons.some((other) => isSameReason(other, reason)) &&
      (weight[decision.effect] <= weight[effect] || decision.reasons.every(({ rule }) => own.has(rule))),
  )
  const paths = new Set(without.map(({ changes: [change] }) => change?.path.join('.')))
  return facts.filter(({ path }) => paths.has(path.join('.')))
}

async function search(
  decision: Decision,
  singles: readonly Tried[],
  ask: (input: PolicyInput) => Promise<Decision | undefined>,
): Promise<LeastChange | null> {
  let sets = promising(singles)
  for (let size = 1; size <= CHANGES_MAX; size += 1) {
    const found = sets.filter((tried) => tried.decision.effect !== decision.effect)
    const best = found.find((tried) => tried.decision.effect === 'allow') ?? found[0]
    if (best !== undefined) return { effect: best.decision.effect, changes: best.changes }
    sets = promising(await grown(sets, singles, ask))
  }
  return null
}

/** Each set with one more change, where its fact is not changed yet. */
async function grown(
  sets: readonly Tried[],
  singles: readonly Tried[],
  ask: (input: PolicyInput) => Promise<Decision | undefined>,
): Promise<readonly Tried[]> {
  const larger: Tried[] = []
  for (const set of sets)
    for (const { changes } of singles) {
      const [change] = changes
      if (change === undefined || set.changes.some(({ path }) => path.join('.') === change.path.join('.'))) continue
      const input = withFact(set.input, change.path, change.to)
      const decision = await ask(input)
      if (decision !== undefined) larger.push({ input, changes: [...set.changes, change], decision })
    }
  return larger
}

/** Those first that leave the fewest reasons, and of those the ones that take the least away from what is there. */
function promising(tried: readonly Tried[]): readonly Tried[] {
  const score = ({ decision }: Tried) => (decision.effect === 'allow' ? 0 : decision.reasons.length)
  return tried.toSorted((a, b) => score(a) - score(b) || extent(a) - extent(b)).slice(0, SETS_KEPT)
}

function extent({ changes }: Tried): number {
  return changes.reduce(
    (sum, { from, to }) => sum + Math.abs(JSON.stringify(from).length - JSON.stringify(to).length),
    0,
  )
}

function saysSame(a: Decision, b: Decision): boolean {
  return (
    a.effect === b.effect &&
    a.reasons.length === b.reasons.length &&
    a.reasons.every((reason) => b.reasons.some((other) => isSameReason(reason, other)))
  )
}

function isSameReason(a: Reason, b: Reason): boolean {
  return a.code === b.code && a.rule === b.rule
}

/** What is no question at all was not answered by the policy. */
function isByGateway({ reasons }: Decision): boolean {
  return reasons.some(({ rule }) => rule === 'gateway')
}

function bounded(decide: Ask): (input: PolicyInput) => Promise<Decision | undefined> {
  const until = performance.now() + SEARCH_MS_MAX
  let turnAt = performance.now()
  return async (input) => {
    if (performance.now() > until) return undefined
    if (performance.now() - turnAt > TURN_MS) {
      await nextTurn()
      turnAt = performance.now()
    }
    const decision = decide(input)
    return isByGateway(decision) ? undefined : decision
  }
}
