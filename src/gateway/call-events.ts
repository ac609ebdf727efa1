import type { Entry, EventDraft, EventType, ReasonFacts } from '../domain/audit/event.ts'
import { agentFacts } from '../domain/agents/agent.ts'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { Effect } from '../kernel/vocabulary.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided } from '../policy/policy-engine.ts'
import type { AgentCaller } from './caller.ts'
import { type Identified, resourceFacts } from './identify.ts'

const decisionTypes: Record<Effect, EventType> = {
  allow: 'AI_AGENT_POLICY_ALLOWED',
  deny: 'AI_AGENT_POLICY_DENIED',
  require_approval: 'AI_AGENT_APPROVAL_REQUIRED',
}

/** What every event of one tool call has in common. */
export function callEvent(caller: AgentCaller, toolName: string, resource: Identified): Omit<EventDraft, 'type'> {
  const { agent, token } = caller.standing
  return {
    actor: { id: agent.id, kind: 'agent', name: agent.name },
    agent: agentFacts(agent),
    tokenId: token.id,
    sessionId: caller.session.id,
    launcher: caller.session.launcher,
    client: { ip: caller.request.clientIp, name: caller.client.name, version: caller.client.version },
    tool: toolName,
    resource: resourceFacts(resource),
    requestId: caller.request.id,
    traceparent: caller.request.traceparent,
  }
}

/** The question and the answer as one entry: the event, to which the log adds their digests, and both beside it for replay. */
export function decisionEntry(
  common: Omit<EventDraft, 'type'>,
  type: EventType,
  input: PolicyInput,
  decided: Decided,
  code: string | null,
): Entry {
  const { decision, policy } = decided
  const record = { id: input.call.id, input: canonicalJson(input), decision: canonicalJson(decision) }
  return {
    event: {
      ...common,
      type,
      outcome: decision.effect,
      code,
      reasons: decision.reasons.map(reasonFacts),
      decisionId: record.id,
      attempt: input.call.attempt,
      policy: { digest: policy.digest, revision: policy.revision },
      details: { callDigest: input.call.digest },
    },
    decision: record,
  }
}

export function agentDecisionType(effect: Effect): EventType {
  return decisionTypes[effect]
}

function reasonFacts({ code, title, severity, rule }: ReasonFacts): ReasonFacts {
  return { code, rule, severity, title }
}
