import type { Author } from '../../domain/audit/author.ts'
import type { Stores } from '../../domain/stores.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Explanation, explain } from '../../policy/analysis/explain.ts'
import { type Bundle, readBundle } from '../../policy/bundle.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import { inputProblem, isPolicyInput } from '../../policy/input-check.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import { type Impact, replay } from '../../policy/replay.ts'
import type { ActivatablePolicyEngine, PreparedPolicy } from '../../policy/wasm-policy-engine.ts'

export interface PolicyQuestionsDeps {
  readonly engine: ActivatablePolicyEngine
  readonly stores: { readonly bundles: Pick<Stores['bundles'], 'find' | 'recordedUnder' | 'recordedDecisions'> }
}

/** Which recorded calls: the latest so many, from when on, and before when. */
export interface RecordedCalls {
  readonly limit: number
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

/** So many flipped decisions are answered with, the latest ones; all are counted. */
const FLIPS_MAX = 100

/** Answers what bundles say or would say, with no effect. Whoever asks is told nothing of resources outside their groups. */
export class PolicyQuestions {
  readonly #deps: PolicyQuestionsDeps

  constructor(deps: PolicyQuestionsDeps) {
    this.#deps = deps
  }

  /** Explains what the active policy answers to an input, or to the one on record under a decision's id. */
  async explain(
    asked: { readonly decisionId: string } | { readonly input: unknown },
    by: Author,
  ): Promise<Result<Explanation, Fault>> {
    const input = 'input' in asked ? given(asked.input) : await this.#recorded(asked.decisionId, by)
    if (!input.ok) return input
    const loaded = await this.#load(this.#deps.engine.active()?.digest ?? '')
    if (!loaded.ok) return loaded
    const { bundle, policy } = loaded.value
    const sees = (group: string) => by.groups === 'every' || by.groups.includes(group)
    return ok(await explain(bundle, (question) => policy.decide(question), input.value, sees))
  }

  /** What recorded calls would be under a bundle that the gateway keeps, against what was answered to them. */
  async replay(digest: string, { limit, from, to }: RecordedCalls, by: Author): Promise<Result<Impact, Fault>> {
    const loaded = await this.#load(digest)
    if (!loaded.ok) return loaded
    const { policy } = loaded.value
    const answers = new WeakMap<PolicyInput, Decision>()
    const impact = await replay(this.#questions({ limit, from, to }, answers), {
      before: (input) => answers.get(input) ?? policy.decide(input),
      after: (input) => policy.decide(input),
    })
    return ok({ ...impact, flips: impact.flips.filter(({ input }) => maySee(by, input)).slice(0, FLIPS_MAX) })
  }

  /** What the gateway itself denied was put to no policy, and what has another schema can be put to none. */
  async *#questions(
    { limit, ...window }: RecordedCalls,
    answers: WeakMap<PolicyInput, Decision>,
  ): AsyncGenerator<PolicyInput> {
    for await (const recorded of this.#deps.stores.bundles.recordedDecisions(limit, window)) {
      const input: unknown = JSON.parse(recorded.input)
      const decision: Decision = JSON.parse(recorded.decision)
      if (!isPolicyInput(input) || decision.reasons.some(({ rule }) => rule === 'gateway')) continue
      answers.set(input, decision)
      yield input
    }
  }

  async #recorded(decisionId: string, by: Author): Promise<Result<PolicyInput, Fault>> {
    const recorded = await this.#deps.stores.bundles.recordedUnder(decisionId)
    const input: unknown = JSON.parse(recorded?.input ?? 'null')
    if (!isPolicyInput(input) || !maySee(by, input))
      return err(
        fault('NOT_FOUND', { message: `No decision ${decisionId} on record whose resource is in your groups` }),
      )
    return ok(input)
  }

  async #load(digest: string): Promise<Result<{ readonly bundle: Bundle; readonly policy: PreparedPolicy }, Fault>> {
    const stored = await this.#deps.stores.bundles.find(digest)
    if (stored === undefined) return err(fault('NOT_FOUND', { message: 'The gateway keeps no such policy bundle' }))
    const bundle = readBundle(stored.bytes)
    const policy = bundle.ok ? await this.#deps.engine.load(bundle.value, false) : bundle
    if (!bundle.ok || !policy.ok)
      return err(fault('STATE_CONFLICT', { message: 'The kept bundle can be loaded no more' }))
    return ok({ bundle: bundle.value, policy: policy.value })
  }
}

function given(input: unknown): Result<PolicyInput, Fault> {
  if (isPolicyInput(input)) return ok(input)
  return err(fault('ARGUMENT_INVALID', { message: `No certlocker.input/v1 document: ${inputProblem(input) ?? ''}` }))
}

/** Of a private secret, only its owner and admins learn that it exists. */
function maySee({ groups, actor }: Author, { resource }: PolicyInput): boolean {
  if (groups !== 'every' && resource.kind === 'private') return resource.owner === actor.id
  return groups === 'every' || resource.groups.length === 0 || resource.groups.some((group) => groups.includes(group))
}
