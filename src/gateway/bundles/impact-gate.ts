import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BundleStore, RecordedDecision } from '../../domain/bundles/bundle-store.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import { type Impact, replay } from '../../policy/replay.ts'
import type { ActivatablePolicyEngine, PreparedPolicy } from '../../policy/wasm-policy-engine.ts'

/** So many flipped decisions are kept for whoever decides about a held bundle; all are counted. */
const FLIPS_REPORTED = 100
/** So many questions with one answer may pass before others have their turn. */
const ALIKE_PER_TURN = 50

export interface ImpactGateDeps {
  readonly engine: Pick<ActivatablePolicyEngine, 'active' | 'decide' | 'answer'>
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
  let alike = 0
  async function* differing(recorded: AsyncIterable<RecordedDecision>): AsyncGenerator<RecordedDecision> {
    for await (const one of recorded) {
      const said = one.policy === active?.digest ? undefined : engine.answer(one.input)
      if (said === undefined || said !== candidate.answer(one.input)) yield one
      else {
        alike += 1
        if (alike % ALIKE_PER_TURN === 0) await nextTurn()
      }
    }
  }
  const recorded = differing(stores.bundles.recordedDecisions(impactDecisions))
  const impact = await replay(questions(recorded, active.digest, known), {
    before: (input) => known.get(input) ?? engine.decide(input).decision,
    after: (input) => candidate.decide(input),
    flipsMax: FLIPS_REPORTED,
  })
  return { ...impact, decisions: impact.decisions + alike }
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
