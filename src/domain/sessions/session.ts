import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AgentFacts, AuditEvent, ClientFacts, LauncherFacts } from '../audit/event.ts'

/** `handshake`: opened by `initialize`. `stateless`: the calls of one client between two silences. */
export const sessionTransports = ['handshake', 'stateless'] as const
export type SessionTransport = (typeof sessionTransports)[number]

export const sessionStatuses = ['active', 'ended'] as const
export type SessionStatus = (typeof sessionStatuses)[number]

export const endReasons = ['closed', 'idle', 'token_expired', 'suspended', 'revoked', 'admin', 'killed'] as const
export type EndReason = (typeof endReasons)[number]

/** One connection of an agent's client. Its id is a handle, never an authority: every call brings its token. */
export interface Session {
  readonly id: string
  readonly agent: AgentFacts
  readonly tokenId: string
  readonly transport: SessionTransport
  readonly client: ClientFacts
  readonly protocolVersion: string
  /** Who started the client, as claimed or verified; null when nobody said. */
  readonly launcher: LauncherFacts | null
  readonly status: SessionStatus
  readonly startedAt: Date
  /** True to about a second. */
  readonly lastSeenAt: Date
  readonly endedAt: Date | null
  readonly endReason: EndReason | null
}

/** Ends a session for good. */
export function end(session: Session, reason: EndReason, now: Date): Result<Session, Fault> {
  if (session.status === 'ended')
    return err(fault('STATE_CONFLICT', { message: `The session has ended (${session.endReason})` }))
  return ok({ ...session, status: 'ended', endedAt: now, endReason: reason })
}

/** The session as the resource of an event about itself. */
export function sessionResource(session: Session): NonNullable<AuditEvent['resource']> {
  return { type: 'session', id: session.id, name: session.id, groups: [], environment: '', version: null }
}

/** The session as people see it. */
export function sessionView(session: Session) {
  return {
    id: session.id,
    agent: session.agent.name,
    agentId: session.agent.id,
    tokenId: session.tokenId,
    transport: session.transport,
    client: session.client,
    protocolVersion: session.protocolVersion,
    launcher: session.launcher,
    status: session.status,
    startedAt: session.startedAt.toISOString(),
    lastSeenAt: session.lastSeenAt.toISOString(),
    endedAt: session.endedAt?.toISOString() ?? null,
    endReason: session.endReason,
  }
}
