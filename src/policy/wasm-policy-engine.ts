import { ok, type Result } from '../kernel/result.ts'
import type { Bundle } from './bundle.ts'
import { type BundleProblem, thrownText } from './bundle-problem.ts'
import { checkDecision, gatewayDenial } from './decision-check.ts'
import type { Decision } from './decision.schema.ts'
import { inputProblem } from './input-check.ts'
import { inputStringMax, type PolicyInput } from './input.schema.ts'
import type { PolicyEngine, PolicyVersion } from './policy-engine.ts'
import { selfTest } from './self-test.ts'
import { compileModule, instantiate, type WasmInstance } from './wasm-instance.ts'

/** A policy engine whose policy can be replaced while it serves. */
export interface ActivatablePolicyEngine extends PolicyEngine {
  /**
   * Loads a bundle beside the serving one, tests it, and only then serves it. A bundle that is refused changes nothing.
   * Blocks for the self-test, a fraction of a second for a sound bundle. Neither signature nor sequence is looked at here.
   */
  activate(bundle: Bundle): Result<PolicyVersion, BundleProblem>
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
  let serving: Serving | undefined

  return {
    active: () => serving?.version,
    activate(bundle) {
      const candidate = prepare(bundle, deps)
      if (!candidate.ok) return candidate
      serving = candidate.value
      return ok(serving.version)
    },
    decide: (input) => ({ decision: decideWith(serving, input), policy: serving?.version ?? noPolicy }),
  }
}

/** The active policy. The instance comes and goes, the compiled module stays. */
interface Serving {
  readonly version: PolicyVersion
  readonly module: WebAssembly.Module
  readonly data: object
  current: Started | undefined
}

interface Started {
  readonly instance: WasmInstance
  readonly memoryBytesMax: number
}

function prepare(bundle: Bundle, { cpuMs }: PolicyEngineDeps): Result<Serving, BundleProblem> {
  const module = compileModule(bundle)
  if (!module.ok) return module
  const candidate = instantiate(module.value, bundle.data)
  if (!candidate.ok) return candidate
  const tested = selfTest(candidate.value, cpuMs)
  if (!tested.ok) return tested
  // The tested instance has grown to the worst case, so the one that serves is made afresh.
  return ok({ version: bundle.version, module: module.value, data: bundle.data, current: undefined })
}

function decideWith(serving: Serving | undefined, input: PolicyInput): Decision {
  let callId = ''
  try {
    callId = callIdOf(input)
    if (serving === undefined)
      return gatewayDenial({ code: 'GATEWAY_POLICY_UNAVAILABLE', problem: 'no bundle is active' }, callId)
    const problem = inputProblem(input)
    if (problem !== undefined) return gatewayDenial({ code: 'GATEWAY_INPUT_INVALID', problem }, callId)
    const { instance, memoryBytesMax } = start(serving)
    const decision = checkDecision(instance.evaluate(input), callId)
    if (instance.memoryBytes() > memoryBytesMax) serving.current = undefined
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
