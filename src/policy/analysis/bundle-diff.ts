import { canonicalJson } from '../../kernel/canonical-json.ts'
import type { Bundle } from '../bundle.ts'
import type { Decision } from '../decision.schema.ts'
import type { PolicyInput } from '../input.schema.ts'
import { type Flip, replay } from '../replay.ts'
import type { PreparedPolicy } from '../wasm-policy-engine.ts'
import { boundaryQuestions, type Question } from './boundary-questions.ts'
import { changedConditions } from './changed-conditions.ts'
import { type SmallestFlip, smallestFlip } from './smallest-flip.ts'
import { spoken, type Vocabulary, vocabularyOf } from './vocabulary.ts'

/** A bundle that was read and loaded. */
export interface LoadedBundle {
  readonly bundle: Bundle
  readonly policy: PreparedPolicy
}

export interface BundleDiff {
  /** How many recorded questions were asked, and how many made-up ones. */
  readonly recorded: number
  readonly generated: number
  /** Recorded flips one by one, made-up ones by what is left of them once they say no more than they need. */
  readonly widened: number
  readonly narrowed: number
  readonly approvals: number
  /** Each different flip, reduced to what it needs; of one kind, rule and code at most `FLIPS_OF_A_KIND`. */
  readonly flips: readonly SmallestFlip[]
}

const GENERATED_MAX = 10_000
const FLIPS_OF_A_KIND = 5
const QUESTIONS_PER_BATCH = 100

/** Puts recorded questions, and questions at the edges of what changed, to two bundles. */
export async function diffBundles(
  before: LoadedBundle,
  after: LoadedBundle,
  recorded: AsyncIterable<PolicyInput> | Iterable<PolicyInput>,
): Promise<BundleDiff> {
  const sides = {
    before: (input: PolicyInput) => before.policy.decide(input),
    after: (input: PolicyInput) => after.policy.decide(input),
  }
  const conditions = changedConditions(before.bundle, after.bundle)
  const changed = spoken(conditions.flat())
  const real = await replay(recorded, sides)
  const all = joined(vocabularyOf(before.bundle), vocabularyOf(after.bundle))
  const answer = (input: PolicyInput) => saidBy(sides.before(input)) + saidBy(sides.after(input))
  const questions = boundaryQuestions({ changed: conditions, all, answer, most: GENERATED_MAX })
  let generated = 0
  function* differing(): Generator<PolicyInput> {
    for (const batch of batchesOf(questions)) {
      generated += batch.length
      // One module after the other: in turns, each would throw the other out of the processor's caches.
      const said = batch.map(({ text }) => before.policy.answer(text))
      const differs = ({ text }: Question, at: number) =>
        said[at] === undefined || said[at] !== after.policy.answer(text)
      for (const { input } of batch.filter(differs)) yield input
    }
  }
  const made = await replay(differing(), sides)
  const reduce = (flips: readonly Flip[]) =>
    distinct(someOfEach(flips).map((flip) => smallestFlip(flip, sides, changed)))
  const edges = reduce(made.flips)
  const countOf = (kind: Flip['kind']) => edges.filter((flip) => flip.kind === kind).length
  return {
    recorded: real.decisions,
    generated,
    widened: real.widened + countOf('widened'),
    narrowed: real.narrowed + countOf('narrowed'),
    approvals: real.approvals + countOf('approval'),
    flips: distinct([...reduce(real.flips), ...edges]),
  }
}

function* batchesOf<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < QUESTIONS_PER_BATCH) continue
    yield batch
    batch = []
  }
  yield batch
}

function saidBy({ effect, reasons }: Decision): string {
  return [effect, ...reasons.map(({ code, rule }) => `${code} ${rule}`), ''].join('\n')
}

function someOfEach(flips: readonly Flip[]): readonly Flip[] {
  const seen = new Map<string, number>()
  return flips.filter(({ kind, rule, code }) => {
    const name = [kind, rule, code].join('\n')
    seen.set(name, (seen.get(name) ?? 0) + 1)
    return (seen.get(name) ?? 0) <= FLIPS_OF_A_KIND
  })
}

function distinct(flips: readonly SmallestFlip[]): readonly SmallestFlip[] {
  const nameOf = ({ kind, rule, code, facts }: SmallestFlip) => canonicalJson([kind, rule, code, facts])
  return [...new Map(flips.map((flip) => [nameOf(flip), flip])).values()]
}

function joined(a: Vocabulary, b: Vocabulary): Vocabulary {
  return {
    paths: [...a.paths, ...b.paths],
    words: [...new Set([...a.words, ...b.words])],
    numbers: [...new Set([...a.numbers, ...b.numbers])],
  }
}
