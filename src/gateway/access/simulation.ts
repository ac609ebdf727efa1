import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Effect } from '../../kernel/vocabulary.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import type { ResourceInput } from '../../policy/input.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'
import { operatorQuestion, type OperatorQuestionDeps } from '../act.ts'
import { agentQuestion, type QuestionDeps } from '../agent-question.ts'
import type { AgentCaller, OperatorCaller } from '../caller.ts'
import type { Identified } from '../identify.ts'
import { enforceable } from '../obligations/enforceable.ts'
import type { Tool } from '../tool.ts'

/** How many evaluations may run before other requests get their turn. */
const EVALUATIONS_PER_TURN = 50

/** What the active policy would answer now, and why. */
export interface Verdict {
  readonly effect: Effect
  readonly reasons: readonly { readonly code: string; readonly title: string }[]
}

export type SimulatedTool = Pick<Tool, 'name' | 'action' | 'inputSchema' | 'scopes'>

/** Asks the policy as the guard would, in `mode: simulate`: with no effect, and recorded nowhere. */
export interface Simulation {
  /** What an agent's call of a tool on a resource would come to. */
  call(caller: AgentCaller, tool: SimulatedTool, resource: Identified): Promise<Verdict>
  /** What a person's or a service's operation would come to. What needs approval is refused over REST, so it is a denial. */
  operation(caller: OperatorCaller, action: string, resource: ResourceInput): Promise<Verdict>
}

export type SimulationDeps = QuestionDeps & OperatorQuestionDeps & { readonly policy: PolicyEngine }

export function createSimulation(deps: SimulationDeps): Simulation {
  let evaluations = 0
  const ask = async (input: PolicyInput): Promise<Verdict> => {
    if (++evaluations % EVALUATIONS_PER_TURN === 0) await yieldToEventLoop()
    const { effect, reasons } = enforceable(deps.policy.decide(input).decision, input.call.action)
    return { effect, reasons: reasons.map(({ code, title }) => ({ code, title })) }
  }
  return {
    call: async (caller, tool, resource) => {
      const history = await deps.history.of(caller.standing.agent.id, deps.clock.now())
      const args = resource.type === 'none' ? {} : { name: resource.name }
      const asked = { caller, tool, arguments: args, resource, history, keyDigest: null, mode: 'simulate' } as const
      return ask(agentQuestion(deps, asked))
    },
    operation: async (caller, action, resource) => {
      const verdict = await ask(await operatorQuestion(deps, caller, { action, resource, arguments: {} }, 'simulate'))
      return verdict.effect === 'allow' ? verdict : { ...verdict, effect: 'deny' }
    },
  }
}
