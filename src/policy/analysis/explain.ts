import type { Bundle } from '../bundle.ts'
import type { Decision, Reason } from '../decision.schema.ts'
import type { PolicyInput } from '../input.schema.ts'
import { type FactValue, type InputPath, pathText } from './input-path.ts'
import { type LeastChange, type Sees, sensitivityOf } from './least-change.ts'
import { placeOf, type RulePlace } from './rule-place.ts'
import { vocabularyOf } from './vocabulary.ts'

/** A reason, where it is written, and the facts without which it would not be there. */
export interface ExplainedReason extends Reason {
  readonly place: RulePlace | null
  readonly facts: readonly { readonly path: string; readonly value: FactValue }[]
}

export interface Explanation extends Pick<Decision, 'effect' | 'obligations' | 'approval'> {
  readonly policy: { readonly revision: string; readonly digest: string }
  readonly reasons: readonly ExplainedReason[]
  /** The smallest set of other facts that was found to lead to another answer; null when none was. */
  readonly leastChange: {
    readonly effect: LeastChange['effect']
    readonly changes: readonly { readonly path: string; readonly from: FactValue; readonly to: FactValue }[]
  } | null
}

/**
 * Explains the answer of a bundle to one question by asking it others: it names only what stands in the question and in
 * the bundle's own rules and tunables, and no group that whoever asks does not have.
 * @param sees which groups those are
 */
export async function explain(
  bundle: Pick<Bundle, 'version' | 'files' | 'data'>,
  decide: (input: PolicyInput) => Decision,
  input: PolicyInput,
  sees: Sees = () => true,
): Promise<Explanation> {
  const { effect, reasons, obligations, approval } = decide(input)
  const { facts, leastChange } = await sensitivityOf(input, vocabularyOf(bundle), decide, sees)
  const shown = (path: InputPath, value: FactValue) =>
    path.at(-1) === 'groups' && Array.isArray(value) ? value.filter((group) => sees(String(group))) : value
  const { revision, digest } = bundle.version
  return {
    effect,
    reasons: reasons.map((reason, at) => ({
      ...reason,
      place: placeOf(bundle.files, reason),
      facts: (facts[at] ?? []).map(({ path, value }) => ({ path: pathText(path), value: shown(path, value) })),
    })),
    obligations,
    approval,
    policy: { revision, digest },
    leastChange: leastChange && {
      effect: leastChange.effect,
      changes: leastChange.changes.map(({ path, from, to }) => ({
        path: pathText(path),
        from: shown(path, from),
        to: shown(path, to),
      })),
    },
  }
}
