import { createReadStream } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import type { Author } from '../../domain/audit/author.ts'
import { recordingPath } from '../../domain/ssh/recording-file.ts'
import { sshSessionEntry } from '../../domain/ssh/ssh-session-events.ts'
import type { SshRecording, SshSession } from '../../domain/ssh/ssh-session.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { linesOf } from '../../kernel/lines.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { RestDeps } from './rest-deps.ts'
import { Download } from './route.ts'

/**
 * Gives out the recordings of a session as one, in the order of its connections. That it was viewed is on record first.
 * @returns RECORDING_MISSING when nothing was recorded, or the files are not where this gateway looks for them
 */
export async function viewRecording(
  { stores, inTransaction, recordingsDir }: Pick<RestDeps, 'stores' | 'inTransaction' | 'recordingsDir'>,
  by: Author,
  session: SshSession,
): Promise<Result<Download, Fault>> {
  const recordings = await stores.sshSessions.recordings(session.id)
  const files = recordings.map(({ id }) => recordingPath(recordingsDir, id))
  const isHere = await Promise.all(
    files.map((file) =>
      access(file, constants.R_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  if (files.length === 0 || isHere.includes(false)) return err(fault('RECORDING_MISSING'))
  await inTransaction(async (work) => {
    work.record(sshSessionEntry(by, 'RECORDING_VIEWED', session, { recordings: recordings.map(facts) }))
    return ok(undefined)
  })
  return ok(new Download(joined(files), 'application/x-asciicast'))
}

function facts({ id, sha256 }: SshRecording) {
  return { id, sha256 }
}

/** One recording after another: their headers but the first become markers, which players show as chapters. */
async function* joined(files: readonly string[]): AsyncGenerator<string> {
  for (const [index, file] of files.entries()) {
    let isHeader = true
    const unpacked = createReadStream(file).pipe(createGunzip())
    try {
      for await (const line of linesOf(unpacked)) {
        yield isHeader && index > 0 ? `${JSON.stringify([0, 'm', commandIn(line)])}\n` : `${line}\n`
        isHeader = false
      }
    } catch (error) {
      // A recording that was cut off by the end of its bastion is given out as far as it goes.
      if (!isCutOff(error)) throw error
    }
  }
}

function commandIn(header: string): string {
  const parsed: unknown = JSON.parse(header)
  return typeof parsed === 'object' && parsed !== null && 'command' in parsed ? String(parsed.command) : ''
}

function isCutOff(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'Z_BUF_ERROR'
}
