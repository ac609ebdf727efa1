import type { LauncherFacts } from '../../domain/audit/event.ts'
import type { AuthorityCache } from '../../domain/revocation/authority-cache.ts'
import type { AuthorityWatch } from '../../domain/revocation/authority-watch.ts'
import type { Session, SessionTransport } from '../../domain/sessions/session.ts'
import { type StartSessionDeps, startSession } from '../../domain/sessions/start-session.ts'
import type { SessionStore } from '../../domain/sessions/session-store.ts'
import type { RequestFacts } from '../../gateway/caller.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Turns } from '../../kernel/turns.ts'
import type { Authenticated } from './caller.ts'
import type { MessageFacts } from './message.ts'

/** A session can end between the look that found it and its use. Each try needs such an end. */
const STATELESS_TRIES = 3

export interface CallSessionDeps extends StartSessionDeps {
  readonly sessions: SessionStore
  /** Active sessions by id. One that was heard to have ended since counts no more. */
  readonly namedSessions: AuthorityCache<Session | undefined>
  /** Active sessions by client, for clients without an id. */
  readonly statelessSessions: AuthorityCache<Result<Session, Fault>>
  readonly authority: AuthorityWatch
  /** By token: its sessions start and end one after another, so that one token never fills the database's pool. */
  readonly sessionTurns: Turns
}

export interface SessionRequest {
  readonly caller: Authenticated
  readonly message: MessageFacts
  readonly request: RequestFacts
  readonly sessionId: string | undefined
  readonly launcher: LauncherFacts | null
}

/**
 * The session that a message belongs to; `initialize` opens one.
 * @returns NOT_FOUND for an unknown, ended or another token's session; ARGUMENT_INVALID when a handshake-era message names
 * none; or why `startSession` opens none
 */
export async function sessionOf(deps: CallSessionDeps, asked: SessionRequest): Promise<Result<Session, Fault>> {
  const { message, sessionId, caller } = asked
  if (message.kind === 'initialize') return start(deps, asked, 'handshake')
  if (message.kind === 'handshake') return namedSession(deps, caller, sessionId)
  const { client } = message
  const proven = asked.launcher?.verified === true ? asked.launcher.name : ''
  const { chainId } = caller.standing.token
  const key = JSON.stringify([chainId, client.name, client.version, asked.request.clientIp, proven])
  for (let tries = 0; tries < STATELESS_TRIES; tries++) {
    const session = await deps.statelessSessions.get(key, () => start(deps, asked, 'stateless'))
    if (session.ok && !deps.authority.hasEnded(session.value.id)) return session
    deps.statelessSessions.forget(key)
    if (!session.ok) return session
  }
  return err(fault('STATE_CONFLICT', { message: 'The session ended while it was opened; call again' }))
}

/** The active session of this very token, or of one it came from by rotation, that a request names. An id alone opens nothing. */
export async function namedSession(
  deps: Pick<CallSessionDeps, 'sessions' | 'namedSessions' | 'authority'>,
  caller: Authenticated,
  id: string | undefined,
): Promise<Result<Session, Fault>> {
  if (id === undefined)
    return err(fault('ARGUMENT_INVALID', { message: 'Mcp-Session-Id is missing; send initialize first' }))
  const session = await deps.namedSessions.get(id, () => deps.sessions.findActive(id))
  if (session === undefined || session.tokenId !== caller.standing.token.chainId || deps.authority.hasEnded(id))
    return err(fault('NOT_FOUND', { message: 'No such session; send initialize' }))
  return ok(session)
}

async function start(
  deps: CallSessionDeps,
  { caller, message, request, launcher }: SessionRequest,
  transport: SessionTransport,
): Promise<Result<Session, Fault>> {
  const { agent, token } = caller.standing
  const wanted = {
    agent: { id: agent.id, name: agent.name },
    // A session is the chain's, so that rotation does not end it.
    tokenId: token.chainId,
    transport,
    launcher,
    protocolVersion: message.protocolVersion,
    client: { ip: request.clientIp, ...message.client },
  }
  const { id: requestId, traceparent } = request
  return deps.sessionTurns.take(token.chainId, () => startSession(deps, wanted, { requestId, traceparent }))
}
