import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { recordingPath, sealOfFile } from './recording-file.ts'
import type { ClosedConnection } from './seal-recording.ts'
import { overEntry } from './ssh-session-events.ts'
import type { SshSessionStore } from './ssh-session-store.ts'

/** A bastion that has not said by then what it recorded is gone. */
const SEAL_MS_MAX = 30_000
const SESSIONS_PER_RUN = 100

export interface SealLeftDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly stores: { readonly sshSessions: Pick<SshSessionStore, 'findUnsealed' | 'recordings'> }
  readonly recordingsDir: string
}

/**
 * The job that seals what bastions that died had recorded by then, so that the end of every session is on record with the
 * hashes of what there is. Replicas may run it at the same time.
 * @throws when a recording cannot be read, which may pass
 */
export async function sealLeftRecordings(deps: SealLeftDeps): Promise<Result<void, Fault>> {
  const { sshSessions } = deps.stores
  const endedBefore = new Date(deps.clock.now() - SEAL_MS_MAX)
  for (const sessionId of await sshSessions.findUnsealed(endedBefore, SESSIONS_PER_RUN)) {
    const left: ClosedConnection['recording'][] = []
    for (const { id, sha256 } of await sshSessions.recordings(sessionId))
      if (sha256 === null) left.push({ id, ...(await sealOfFile(recordingPath(deps.recordingsDir, id))) })
    const sealed = await seal(deps.inTransaction, sessionId, left)
    if (!sealed.ok) return sealed
  }
  return ok(undefined)
}

/** Only what nobody has sealed meanwhile: neither another replica, nor a bastion that was late. */
async function seal(
  inTransaction: InTransaction,
  sessionId: string,
  left: readonly ClosedConnection['recording'][],
): Promise<Result<void, Fault>> {
  return inTransaction(async (work) => {
    const { sshSessions } = work
    const session = await sshSessions.findForUpdate(sessionId)
    if (session === undefined) return err(fault('NOT_FOUND'))
    const before = await sshSessions.recordings(sessionId)
    const unsealed = left.filter(({ id }) => before.some((each) => each.id === id && each.sha256 === null))
    if (unsealed.length === 0) return ok(undefined)
    for (const recording of unsealed) await sshSessions.sealRecording(recording.id, recording)
    const by = systemAuthor('seal-left-recordings')
    work.record(overEntry(by, session, await sshSessions.recordings(sessionId)))
    return ok(undefined)
  })
}
