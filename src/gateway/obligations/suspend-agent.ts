import { systemAuthor } from '../../domain/audit/author.ts'
import type { Agent } from '../../domain/agents/agent.ts'
import { suspendAgent } from '../../domain/agents/suspend-agent.ts'
import type { InTransaction } from '../../domain/work.ts'
import { FaultError } from '../../kernel/fault.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import type { AgentCaller } from '../caller.ts'

/** Carries out `suspend_agent`, whatever the effect: the policy saw behaviour that must stop now. */
export type SuspendByPolicy = (caller: AgentCaller, decision: Decision) => Promise<void>

export function createSuspendByPolicy(deps: { readonly inTransaction: InTransaction }): SuspendByPolicy {
  return async (caller, decision) => {
    const obligation = decision.obligations.find(({ type }) => type === 'suspend_agent')
    if (obligation === undefined || !isActive(caller.standing.agent)) return
    const { reason } = obligation.properties
    const suspended = await suspendAgent(
      deps,
      { ...systemAuthor('policy'), requestId: caller.request.id },
      caller.standing.agent.id,
      typeof reason === 'string' ? reason : 'The policy asked for it',
    )
    if (!suspended.ok && suspended.error.code !== 'AGENT_REVOKED') throw new FaultError(suspended.error)
  }
}

function isActive(agent: Agent): boolean {
  return agent.status === 'active'
}
