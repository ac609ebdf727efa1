import type { AuthorityCache } from '../../domain/revocation/authority-cache.ts'
import type { Session, SessionTransport } from '../../domain/sessions/session.ts'
import { type StartSessionDeps, startSession } from '../../domain/sessions/start-session.ts'
import type { SessionStore } from '../../domain/sessions/session-store.ts'
import type { RequestFacts } from '../../gateway/caller.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import { type Fault, FaultError, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Authenticated } from './caller.ts'
import type { MessageFacts } from './message.ts'

const LAUNCHER_CHARACTERS = 256

export interface CallSessionDeps extends StartSessionDeps {
  readonly sessions: SessionStore
  /** Active sessions by id, and by client for stateless ones; dropped when any session ends. */
  readonly sessionCache: AuthorityCache<Session | undefined>
}

export interface SessionRequest {
  readonly caller: Authenticated
  readonly message: MessageFacts
  readonly request: RequestFacts
  readonly sessionId: string | undefined
  readonly launchedBy: string | undefined
}

/**
 * The session that a message belongs to; `initialize` opens one.
 * @returns NOT_FOUND for an unknown, ended or another token's session; ARGUMENT_INVALID when a handshake-era message names none
 */
export async function sessionOf(deps: CallSessionDeps, asked: SessionRequest): Promise<Result<Session, Fault>> {
  const { message, sessionId, caller } = asked
  if (message.kind === 'initialize') return start(deps, asked, 'handshake')
  if (message.kind === 'handshake') return namedSession(deps, caller, sessionId)
  const { client } = message
  const key = JSON.stringify([caller.standing.token.chainId, client.name, client.version, asked.request.clientIp])
  const session = await deps.sessionCache.get(key, async () => {
    const started = await start(deps, asked, 'stateless')
    if (!started.ok) throw new FaultError(started.error)
    return started.value
  })
  return session === undefined ? err(fault('NOT_FOUND')) : ok(session)
}

/** The active session of this very token, or of one it came from by rotation, that a request names. An id alone opens nothing. */
export async function namedSession(
  deps: Pick<CallSessionDeps, 'sessions' | 'sessionCache'>,
  caller: Authenticated,
  id: string | undefined,
): Promise<Result<Session, Fault>> {
  if (id === undefined)
    return err(fault('ARGUMENT_INVALID', { message: 'Mcp-Session-Id is missing; send initialize first' }))
  // Apart from the keys of stateless clients, which anybody could send as an id.
  const session = await deps.sessionCache.get(`id ${id}`, () => deps.sessions.findActive(id))
  if (session === undefined || session.tokenId !== caller.standing.token.chainId)
    return err(fault('NOT_FOUND', { message: 'No such session; send initialize' }))
  return ok(session)
}

async function start(
  deps: CallSessionDeps,
  { caller, message, request, launchedBy }: SessionRequest,
  transport: SessionTransport,
): Promise<Result<Session, Fault>> {
  const { agent, token } = caller.standing
  const launcher = launchedBy === undefined ? '' : shortText(launchedBy, LAUNCHER_CHARACTERS)
  return startSession(
    deps,
    {
      agent: { id: agent.id, name: agent.name },
      // A session is the chain's, so that rotation does not end it.
      tokenId: token.chainId,
      transport,
      protocolVersion: message.protocolVersion,
      client: { ip: request.clientIp, ...message.client },
      launcher: launcher === '' ? null : { name: launcher, verified: false },
    },
    { requestId: request.id, traceparent: request.traceparent },
  )
}
