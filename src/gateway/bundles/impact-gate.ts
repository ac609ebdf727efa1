import type { BundleStore, RecordedDecision } from '../../domain/bundles/bundle-store.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'
import { type Impact, replay } from '../../policy/replay.ts'
import type { PreparedPolicy } from '../../policy/wasm-policy-engine.ts'

/** So many flipped decisions are kept for whoever decides about a held bundle; all are counted. */
const FLIPS_REPORTED = 100

export interface ImpactGateDeps {
  readonly engine: PolicyEngine
  readonly stores: { readonly bundles: Pick<BundleStore, 'recordedDecisions'> }
  readonly impactDecisions: number
}

/**
 * What the last recorded decisions would be under a candidate, against what they would be under the active policy: a
 * decision that an earlier bundle changed, with an admin's consent, is not held against every bundle after it.
 * @returns undefined while no policy is active, which denies everything
 */
export async function impactOf(
  { engine, stores, impactDecisions }: ImpactGateDeps,
  candidate: PreparedPolicy,
): Promise<Impact | undefined> {
  const active = engine.active()
  if (active === undefined) return undefined
  const known = new WeakMap<PolicyInput, Decision>()
  return replay(questions(stores.bundles.recordedDecisions(impactDecisions), active.digest, known), {
    before: (input) => known.get(input) ?? engine.decide(input).decision,
    after: (input) => candidate.decide(input),
    flipsMax: FLIPS_REPORTED,
  })
}

/**
 * What is no input of the present schema is denied by either policy, and so is no difference. What the active policy
 * answered is kept with its question, since it would answer the same again; what the gateway itself made of it is not.
 */
async function* questions(
  recorded: AsyncIterable<RecordedDecision>,
  active: string,
  known: WeakMap<PolicyInput, Decision>,
): AsyncGenerator<PolicyInput> {
  for await (const { input: text, decision, policy } of recorded) {
    const input: PolicyInput = JSON.parse(text)
    if (policy === active && !decision.includes(byGateway)) known.set(input, JSON.parse(decision))
    yield input
  }
}

const byGateway = '"rule":"gateway"'
