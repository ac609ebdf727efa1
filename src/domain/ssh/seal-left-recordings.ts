import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type RecordingSeal, recordingPath, sealOfFile } from './recording-file.ts'
import { overEntry } from './ssh-session-events.ts'
import type { SshSessionStore } from './ssh-session-store.ts'

/** A bastion that has not said by then what it recorded is gone. */
const SEAL_MS_MAX = 30_000
const SESSIONS_PER_RUN = 100
const UNREADABLE: RecordingSeal = { sha256: '', bytes: 0 }

export interface SealLeftDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly stores: { readonly sshSessions: Pick<SshSessionStore, 'findUnsealed' | 'recordings'> }
  readonly recordingsDir: string
}

/**
 * The job that seals what bastions that died had recorded by then, so that the end of every session is on record with the
 * hashes of what there is. Replicas may run it at the same time.
 */
export async function sealLeftRecordings(deps: SealLeftDeps): Promise<Result<void, Fault>> {
  const { sshSessions } = deps.stores
  const endedBefore = new Date(deps.clock.now() - SEAL_MS_MAX)
  for (const sessionId of await sshSessions.findUnsealed(endedBefore, SESSIONS_PER_RUN)) {
    const seals = new Map<string, RecordingSeal>()
    for (const { id, sha256 } of await sshSessions.recordings(sessionId))
      if (sha256 === null) seals.set(id, (await sealOfFile(recordingPath(deps.recordingsDir, id))) ?? UNREADABLE)
    const sealed = await seal(deps.inTransaction, sessionId, seals)
    if (!sealed.ok) return sealed
  }
  return ok(undefined)
}

async function seal(
  inTransaction: InTransaction,
  sessionId: string,
  seals: ReadonlyMap<string, RecordingSeal>,
): Promise<Result<void, Fault>> {
  return inTransaction(async (work) => {
    const { sshSessions } = work
    const session = await sshSessions.findForUpdate(sessionId)
    if (session === undefined) return err(fault('NOT_FOUND'))
    const unsealed = (await sshSessions.recordings(sessionId)).filter(({ sha256 }) => sha256 === null)
    if (unsealed.length === 0) return ok(undefined)
    for (const { id } of unsealed) await sshSessions.sealRecording(id, seals.get(id) ?? UNREADABLE)
    const by = systemAuthor('seal-left-recordings')
    work.record(overEntry(by, session, await sshSessions.recordings(sessionId)))
    return ok(undefined)
  })
}
