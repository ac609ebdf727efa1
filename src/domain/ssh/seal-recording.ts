import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { RecordingSeal } from './recording-file.ts'
import type { SshEndReason, SshSession } from './ssh-session.ts'
import { isOver } from './ssh-session.ts'
import { overEntry } from './ssh-session-events.ts'
import type { FinishDeps } from './finish-ssh-session.ts'

export interface ClosedConnection {
  readonly sshSessionId: string
  readonly recording: RecordingSeal & { readonly id: string }
  /** Why the whole session ends with this connection; undefined when it goes on. */
  readonly ends: SshEndReason | undefined
}

/**
 * Notes that a connection is closed and what was recorded of it. Once a session is over and the last of its connections
 * is closed, its end is on record with the hashes of all recordings: whoever changes one contradicts the log.
 */
export async function sealRecording(
  { inTransaction, clock }: FinishDeps,
  by: Author,
  { sshSessionId, recording, ends }: ClosedConnection,
): Promise<Result<SshSession, Fault>> {
  return inTransaction(async (work) => {
    const session = await work.sshSessions.findForUpdate(sshSessionId)
    if (session === undefined) return err(fault('NOT_FOUND'))
    await work.sshSessions.sealRecording(recording.id, recording)
    if (!isOver(session)) {
      if (ends === undefined) return ok(session)
      const ended = await work.finishSsh(by, session, ends, new Date(clock.now()))
      if (ended.ok) work.advanceAuthority()
      return ended
    }
    const recordings = await work.sshSessions.recordings(sshSessionId)
    if (recordings.every(({ sha256 }) => sha256 !== null)) work.record(overEntry(by, session, recordings))
    return ok(session)
  })
}
