import type { Json } from '../../kernel/canonical-json.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry, EventType } from '../audit/event.ts'
import { type SshRecording, type SshSession, sshSessionResource } from './ssh-session.ts'

type SshEventType = Extract<EventType, `SSH_SESSION_${string}` | 'RECORDING_VIEWED'>

/** What happened to or in a session. Whoever holds it is in the details, whoever caused it is the actor. */
export function sshSessionEntry(
  by: Author,
  type: SshEventType,
  session: SshSession,
  details: { readonly [name: string]: Json } = {},
): Entry {
  const { agent } = session
  const entry = changeEntry(by, {
    type,
    resource: sshSessionResource(session),
    agent: agent && { id: agent.id, name: agent.name, owner: agent.owner, riskLevel: agent.riskLevel },
    tokenId: agent?.tokenId ?? null,
    sessionId: agent?.sessionId ?? null,
    details: {
      sshSessionId: session.id,
      holder: { ...session.holder },
      principal: session.principal,
      mode: session.mode,
      ...details,
    },
  })
  return entry
}

/** That a session is over. What was recorded is sealed here: whoever changes a recording contradicts the log. */
export function overEntry(by: Author, session: SshSession, recordings: readonly SshRecording[]): Entry {
  return sshSessionEntry(by, 'SSH_SESSION_ENDED', session, {
    status: session.state,
    reason: session.endReason,
    startedAt: session.startedAt?.toISOString() ?? null,
    recordings: recordings.map(({ id, sha256, bytes }) => ({ id, sha256, bytes })),
  })
}

/** The holder of a session as the author of what is done in it. */
export function holderAuthor({ holder, client }: SshSession, requestId: string): Author {
  return {
    actor: holder,
    groups: [],
    requestId,
    traceparent: null,
    client,
    decision: null,
    breakGlass: false,
  }
}
