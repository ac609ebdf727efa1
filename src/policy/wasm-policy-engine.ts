import { setImmediate as nextTurn } from 'node:timers/promises'
import { ok, type Result } from '../kernel/result.ts'
import type { Bundle } from './bundle.ts'
import { type BundleProblem, thrownText } from './bundle-problem.ts'
import { checkDecision, gatewayDenial } from './decision-check.ts'
import type { Decision } from './decision.schema.ts'
import { inputProblem } from './input-check.ts'
import { inputStringMax, type PolicyInput } from './input.schema.ts'
import type { PolicyEngine, PolicyVersion } from './policy-engine.ts'
import { selfTest, selfTestSteps } from './self-test.ts'
import { compileModule, instantiate, type WasmInstance } from './wasm-instance.ts'

/** A policy engine whose policy can be replaced while it serves. */
export interface ActivatablePolicyEngine extends PolicyEngine {
  /**
   * Loads a bundle beside the serving one, tests it, and only then serves it. A bundle that is refused changes nothing.
   * Blocks for the self-test, a fraction of a second for a sound bundle. Neither signature nor sequence is looked at here.
   */
  activate(bundle: Bundle): Result<PolicyVersion, BundleProblem>

  /**
   * The first half of `activate`: loads and tests a bundle, giving way to other work between two questions.
   * @param timed whether the largest questions are asked as well, and how long each takes
   */
  load(bundle: Bundle, timed: boolean): Promise<Result<PreparedPolicy, BundleProblem>>

  /** The second half, in one step: whatever is asked from now on is decided by this policy, and by it alone. */
  serve(prepared: PreparedPolicy): PolicyVersion

  /** As `PreparedPolicy.answer`, by the policy that serves. */
  answer(input: string): string | undefined
}

/** A policy that was loaded and tested. It answers as it will when it serves. */
export interface PreparedPolicy {
  readonly version: PolicyVersion
  /** As `PolicyEngine.decide`. */
  decide(input: PolicyInput): Decision
  /**
   * What the policy says to the JSON of an input, neither of which is checked: enough to tell that two policies say the same.
   * @returns undefined when it says nothing
   */
  answer(input: string): string | undefined
}

export interface PolicyEngineDeps {
  /** The processor time that this process has spent, in milliseconds. */
  readonly cpuMs: () => number
}

/** An instance whose memory has grown by so much is replaced: WASM memory never shrinks. */
const MEMORY_GROWTH_BYTES_MAX = 16 * 1024 * 1024

const noPolicy: PolicyVersion = { revision: '', digest: '', sequence: 0 }

/** The policy decision point on OPA's WebAssembly modules. Starts without a policy, so that everything is denied. */
export function createPolicyEngine(deps: PolicyEngineDeps = { cpuMs: processCpuMs }): ActivatablePolicyEngine {
  let serving: PreparedPolicy | undefined

  return {
    active: () => serving?.version,
    activate(bundle) {
      const candidate = instantiated(bundle)
      if (!candidate.ok) return candidate
      const tested = selfTest(candidate.value.instance, deps.cpuMs)
      if (!tested.ok) return tested
      serving = candidate.value.policy
      return ok(serving.version)
    },
    async load(bundle, timed) {
      const candidate = instantiated(bundle)
      if (!candidate.ok) return candidate
      for (const tested of selfTestSteps(candidate.value.instance, timed ? deps.cpuMs : undefined)) {
        if (!tested.ok) return tested
        await nextTurn()
      }
      return ok(candidate.value.policy)
    },
    serve(prepared) {
      serving = prepared
      return serving.version
    },
    answer: (input) => serving?.answer(input),
    decide: (input) => ({
      decision: serving === undefined ? decideWith(undefined, input) : serving.decide(input),
      policy: serving?.version ?? noPolicy,
    }),
  }
}

/** A loaded policy. The instance comes and goes, the compiled module stays. */
interface Serving {
  readonly module: WebAssembly.Module
  readonly data: object
  current: Started | undefined
}

interface Started {
  readonly instance: WasmInstance
  readonly memoryBytesMax: number
}

/** The instance is for the test, which makes it grow to the worst case; the policy makes its own afresh. */
function instantiated(bundle: Bundle): Result<{ instance: WasmInstance; policy: PreparedPolicy }, BundleProblem> {
  const module = compileModule(bundle)
  if (!module.ok) return module
  const candidate = instantiate(module.value, bundle.data)
  if (!candidate.ok) return candidate
  const { version, data } = bundle
  const serving: Serving = { module: module.value, data, current: undefined }
  const decide = (input: PolicyInput) => decideWith(serving, input)
  const answer = (input: string) => answerOf(serving, input)
  return ok({ instance: candidate.value, policy: { version, decide, answer } })
}

function answerOf(serving: Serving, input: string): string | undefined {
  try {
    return evaluated(serving, (instance) => instance.answer(input))
  } catch {
    serving.current = undefined
    return undefined
  }
}

/** Replaces an instance that has grown. */
function evaluated<T>(serving: Serving, ask: (instance: WasmInstance) => T): T {
  const { instance, memoryBytesMax } = start(serving)
  const answer = ask(instance)
  if (instance.memoryBytes() > memoryBytesMax) serving.current = undefined
  return answer
}

function decideWith(serving: Serving | undefined, input: PolicyInput): Decision {
  let callId = ''
  try {
    callId = callIdOf(input)
    if (serving === undefined)
      return gatewayDenial({ code: 'GATEWAY_POLICY_UNAVAILABLE', problem: 'no bundle is active' }, callId)
    const problem = inputProblem(input)
    if (problem !== undefined) return gatewayDenial({ code: 'GATEWAY_INPUT_INVALID', problem }, callId)
    const decision = checkDecision(
      evaluated(serving, (instance) => instance.evaluate(input)),
      callId,
    )
    return decision.ok ? decision.value : gatewayDenial(decision.error, callId)
  } catch (error) {
    // A thrown evaluation leaves the module's stack where it was, and soon every evaluation traps.
    if (serving !== undefined) serving.current = undefined
    return gatewayDenial({ code: 'GATEWAY_POLICY_ERROR', problem: thrownText(error) }, callId)
  }
}

function start(serving: Serving): Started {
  if (serving.current !== undefined) return serving.current
  const instance = instantiate(serving.module, serving.data)
  if (!instance.ok) throw new Error(instance.error.detail)
  serving.current = { instance: instance.value, memoryBytesMax: instance.value.memoryBytes() + MEMORY_GROWTH_BYTES_MAX }
  return serving.current
}

/** The call's id for a denial that may be about no input at all; `""` where it cannot be echoed. */
function callIdOf(input: unknown): string {
  const call = typeof input === 'object' && input !== null && 'call' in input ? input.call : undefined
  const id = typeof call === 'object' && call !== null && 'id' in call ? call.id : undefined
  return typeof id === 'string' && id.length <= inputStringMax && id.isWellFormed() ? id : ''
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
