import { logLine } from '../../kernel/log-line.ts'
import type { AuditObserver } from './audit-log.ts'
import type { AuditEvent } from './event.ts'

/**
 * Writes one line per event after its commit. A write to a pipe blocks, so the answers that waited for the commit go
 * first, and what was committed until then is one write.
 * @param write takes lines, without a newline at the end
 */
export function auditLines(write: (lines: string) => void): AuditObserver {
  let waiting: AuditEvent[] = []
  const flush = (): void => {
    write(waiting.map(auditLine).join('\n'))
    waiting = []
  }
  return {
    appended: (events) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push(...events)
    },
    authority: () => {},
  }
}

/** The logfmt line of an event: `AI_AGENT_POLICY_DENIED agent=cursor-ops resource=prod-db-password outcome=deny …`. */
export function auditLine(event: AuditEvent): string {
  const { actor, agent, client, resource } = event
  return logLine(event.type, {
    agent: agent?.name ?? null,
    resource: resource?.name ?? null,
    outcome: event.outcome,
    code: event.code,
    seq: event.seq,
    requestId: event.requestId,
    tool: event.tool,
    reason: event.reasons[0]?.title ?? null,
    actor: actor?.name ?? null,
    actorKind: actor?.kind ?? null,
    resourceType: resource?.type ?? null,
    environment: resource?.environment || null,
    sessionId: event.sessionId,
    tokenId: event.tokenId,
    clientIp: client?.ip ?? null,
    decisionId: event.decisionId,
    attempt: event.attempt,
    at: event.at,
    id: event.id,
  })
}
