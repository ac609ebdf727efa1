import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { PrincipalKind } from '../../kernel/vocabulary.ts'
import type { AgentFacts, AuditEvent, ClientFacts } from '../audit/event.ts'
import type { Host } from '../hosts/host.ts'
import type { HostMode } from '../hosts/host.schema.ts'
import type { SshSessionState } from './ssh-session.schema.ts'

/** Why a session came to its end, by the state that it ended in. */
export const sshEndReasons = {
  /** It came to its end by itself. */
  ended: ['closed', 'requested', 'host_unreachable', 'host_key_mismatch', 'login_refused', 'failed'],
  /** Somebody or something stopped it. */
  cut: ['suspended', 'revoked', 'killed', 'admin', 'session_ended', 'policy', 'output_limit', 'recording_failed'],
  expired: ['ttl', 'idle', 'unused'],
} as const
export type SshEnding = keyof typeof sshEndReasons
export type SshEndReason = (typeof sshEndReasons)[SshEnding][number]

/** Who was granted a session: an agent on one of its tokens and sessions, a person, or a pipeline. */
export interface SshHolder {
  readonly kind: PrincipalKind
  readonly id: string
  readonly name: string
}

/** A right to reach one account on one host for a while, through the bastion. Its id is a handle, never an authority. */
export interface SshSession {
  readonly id: string
  readonly holder: SshHolder
  /** Null unless an agent holds it. */
  readonly agent: (AgentFacts & { readonly tokenId: string; readonly sessionId: string }) | null
  /** From where it was asked for. */
  readonly client: ClientFacts
  readonly host: Pick<Host, 'id' | 'name' | 'groups' | 'environment'>
  /** The account on the host. */
  readonly principal: string
  readonly mode: HostMode
  /** Why, as whoever asked claims; `""` when nothing was said. */
  readonly reason: string
  readonly state: SshSessionState
  readonly grantedAt: Date
  /** The hard end, whatever happens in it. */
  readonly expiresAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly endReason: SshEndReason | null
}

/** What was recorded of one connection. */
export interface SshRecording {
  readonly id: string
  readonly startedAt: Date
  /** Lower-case hex; null until the connection closed, `""` when nothing was left of it. */
  readonly sha256: string | null
  readonly bytes: number | null
}

type Transition = Result<SshSession, Fault>

/** The first connection makes a session active; a further one finds it so. */
export function activate(session: SshSession, now: Date): Transition {
  if (isOver(session)) return err(over(session))
  if (now >= session.expiresAt) return err(fault('SSH_SESSION_OVER', { message: 'The SSH session has expired' }))
  return ok(session.state === 'active' ? session : { ...session, state: 'active', startedAt: now })
}

/** Ends a session for good, in the state that the reason belongs to. */
export function finish(session: SshSession, reason: SshEndReason, now: Date): Transition {
  if (isOver(session)) return err(over(session))
  return ok({ ...session, state: endingOf(reason), endedAt: now, endReason: reason })
}

export function isOver({ state }: Pick<SshSession, 'state'>): boolean {
  return state !== 'granted' && state !== 'active'
}

export function endingOf(reason: SshEndReason): SshEnding {
  if (isOneOf(sshEndReasons.cut, reason)) return 'cut'
  return isOneOf(sshEndReasons.expired, reason) ? 'expired' : 'ended'
}

/** The host as the resource of events about a session. */
export function sshSessionResource({ host }: SshSession): NonNullable<AuditEvent['resource']> {
  return { type: 'host', version: null, ...host }
}

/** The session as people and events see it. */
export function sshSessionView(session: SshSession) {
  return {
    id: session.id,
    holder: { ...session.holder },
    agent: session.agent?.name ?? null,
    host: session.host.name,
    groups: [...session.host.groups],
    environment: session.host.environment,
    principal: session.principal,
    mode: session.mode,
    reason: session.reason,
    client: { ...session.client },
    status: session.state,
    createdAt: session.grantedAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    startedAt: session.startedAt?.toISOString() ?? null,
    endedAt: session.endedAt?.toISOString() ?? null,
    endReason: session.endReason,
  }
}

function over({ state, endReason }: SshSession): Fault {
  return fault('SSH_SESSION_OVER', { message: `The SSH session is over: ${state} (${endReason})` })
}

function isOneOf(reasons: readonly SshEndReason[], reason: SshEndReason): boolean {
  return reasons.includes(reason)
}
