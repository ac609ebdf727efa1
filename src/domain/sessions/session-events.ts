import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry } from '../audit/event.ts'
import { type Session, sessionResource } from './session.ts'

/** The entry that records that a session began. */
export function startedSessionEntry(by: Author, session: Session): Entry {
  return sessionEntry(by, 'AI_AGENT_SESSION_STARTED', session, {
    transport: session.transport,
    protocolVersion: session.protocolVersion,
  })
}

/** The entry that records that a session ended, and why. */
export function endedSessionEntry(by: Author, session: Session): Entry {
  return sessionEntry(by, 'AI_AGENT_SESSION_ENDED', session, {
    endReason: session.endReason,
    protocolVersion: session.protocolVersion,
  })
}

function sessionEntry(
  by: Author,
  type: 'AI_AGENT_SESSION_STARTED' | 'AI_AGENT_SESSION_ENDED',
  session: Session,
  details: { readonly [name: string]: string | null },
): Entry {
  const { event } = changeEntry(by, {
    type,
    resource: sessionResource(session),
    agent: session.agent,
    tokenId: session.tokenId,
    sessionId: session.id,
    details,
  })
  // The client is the session's own, also when a person or a job ends it.
  return { event: { ...event, client: session.client, launcher: session.launcher } }
}
