import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { ClientFacts } from '../audit/event.ts'
import type { InTransaction, Work } from '../work.ts'
import type { Session } from './session.ts'
import { startedSessionEntry } from './session-events.ts'
import type { NewSession, SessionStore } from './session-store.ts'

/**
 * What one token may hold open. Every client has one session at a time, so this is many more clients than share a token in
 * earnest, and few enough that no token fills the table or makes the end of them all a long transaction.
 */
export const sessionLimits = { activePerTokenMax: 256, retryAfterSeconds: 60 } as const

/** What the transport knows when a client comes. `agent.id` and `tokenId` are authenticated, the client's names claimed. */
export interface SessionStart
  extends Pick<Session, 'tokenId' | 'transport' | 'protocolVersion' | 'launcher' | 'client'> {
  readonly agent: { readonly id: string; readonly name: string }
}

export interface StartSessionDeps {
  readonly inTransaction: InTransaction
  /** Bound to the pool: the common case, a stateless client that comes again, needs no transaction. */
  readonly sessions: Pick<SessionStore, 'findStateless'>
  readonly clock: Clock
}

/**
 * Gives a client its session: a handshake always a new one; a stateless client the active one of its token, name,
 * version, address and proven launcher, or a new one, on whichever replica and however many of its calls arrive at once.
 * @returns the session, SESSION_LIMIT when its token has as many as it may, or UNAUTHENTICATED when agent or token were
 * stopped meanwhile
 */
export async function startSession(
  deps: StartSessionDeps,
  start: SessionStart,
  request: Pick<Author, 'requestId' | 'traceparent'>,
): Promise<Result<Session, Fault>> {
  if (start.transport === 'stateless') {
    const active = await deps.sessions.findStateless(start.tokenId, start.client, start.launcher)
    if (active !== undefined) return ok(active)
  }
  return deps.inTransaction(async (work) => {
    const count = await work.sessions.lockAndCountActive(start.tokenId)
    if (start.transport === 'stateless') {
      const active = await work.sessions.findStateless(start.tokenId, start.client, start.launcher)
      if (active !== undefined) return ok(active)
    }
    if (count >= sessionLimits.activePerTokenMax) return err(fault('SESSION_LIMIT'))
    const fresh = newSession(start, new Date(deps.clock.now()))
    if (await work.sessions.start(fresh)) return begun(work, fresh.id, author(start, request))
    return err(fault('STATE_CONFLICT', { message: 'The session was opened by somebody else; call again' }))
  })
}

async function begun(work: Work, id: string, by: Author): Promise<Result<Session, Fault>> {
  const session = await work.sessions.findStanding(id)
  if (session === undefined)
    return err(fault('UNAUTHENTICATED', { detail: 'the agent or its token was stopped while a session was opened' }))
  work.record(startedSessionEntry(by, session))
  return ok(session)
}

function newSession({ agent, ...start }: SessionStart, now: Date): NewSession {
  return { ...start, id: newId('ses'), agentId: agent.id, startedAt: now }
}

function author(
  { agent, client }: { readonly agent: SessionStart['agent']; readonly client: ClientFacts },
  request: Pick<Author, 'requestId' | 'traceparent'>,
): Author {
  return {
    actor: { kind: 'agent', id: agent.id, name: agent.name },
    groups: [],
    requestId: request.requestId,
    traceparent: request.traceparent,
    client,
    decision: null,
    breakGlass: false,
  }
}
