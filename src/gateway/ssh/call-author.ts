import type { Author } from '../../domain/audit/author.ts'
import type { AgentCaller } from '../caller.ts'

/** An agent as the author of what its call does; the call's own decision event tells by which decision. */
export function callAuthor({ standing: { agent }, request, client }: AgentCaller): Author {
  return {
    actor: { kind: 'agent', id: agent.id, name: agent.name },
    groups: [],
    requestId: request.id,
    traceparent: request.traceparent,
    client: { ip: request.clientIp, name: client.name, version: client.version },
    decision: null,
    breakGlass: false,
  }
}
