import type { Log } from '../../../kernel/log.ts'
import { FaultError } from '../../../kernel/fault.ts'
import type { Secret } from '../../../kernel/secret.ts'
import { databaseFault } from '../database-fault.ts'
import { attachToCluster } from '../embedded-cluster.ts'
import { type ObtainedDatabase, obtainDatabase } from '../obtain-database.ts'
import { openDatabase } from '../pool.ts'
import { dumpDatabase } from './dump-database.ts'
import { type RowCounts, restoreDatabase } from './restore-database.ts'

/** A statement of a dump or a restore may take as long as the table is large. */
const STATEMENT_MS_MAX = 6 * 3_600_000

export interface DatabaseArchive {
  /** @see dumpDatabase */
  dump(): AsyncIterable<string>
  /** @see restoreDatabase */
  restore(lines: AsyncIterable<string>, options: { readonly force: boolean }): Promise<RowCounts>
  close(): Promise<void>
}

export interface ArchivePlace {
  readonly url: Secret<string> | undefined
  /** Where the embedded cluster lies when there is no `url`. */
  readonly directory: string
}

/**
 * Reaches the database for a backup, for which an embedded one may be in use and has to exist, or for a restore, for which
 * it may not be in use and is made when missing.
 * @throws FaultError, as do the archive's methods
 */
export async function openArchive(
  place: ArchivePlace,
  purpose: 'backup' | 'restore',
  log: Log,
): Promise<DatabaseArchive> {
  const { address, stop } = await translated(() => reach(place, purpose, log))
  const options = { poolMax: 1, timeoutMs: STATEMENT_MS_MAX, applicationName: 'certlocker-archive', log }
  const { knex, close } = openDatabase({ ...address, ...options })
  return {
    dump: async function* () {
      const lines = dumpDatabase(knex)
      // A generator cannot be handed to `translated` as a whole: it runs while its reader does.
      for (;;) {
        const { value, done } = await translated(() => lines.next())
        if (done === true) return
        yield value
      }
    },
    restore: (lines, { force }) => translated(() => restoreDatabase(knex, lines, force)),
    close: async () => {
      await close()
      await stop()
    },
  }
}

async function reach(place: ArchivePlace, purpose: 'backup' | 'restore', log: Log): Promise<ObtainedDatabase> {
  if (place.url !== undefined || purpose === 'restore') return obtainDatabase(place, log)
  const connection = await attachToCluster(place.directory)
  if (connection === undefined) return obtainDatabase(place, log)
  return { address: { connection }, stop: async () => {} }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const known = databaseFault(error)
    throw known.code === 'INTERNAL' ? error : new FaultError(known)
  }
}
