import type { Knex } from 'knex'
import { setTimeout as delay } from 'node:timers/promises'
import { FaultError, fault } from '../../kernel/fault.ts'
import { type Migration, migrations } from './migrations/all.ts'

/** `certlock` in ASCII: the advisory lock under which one replica at a time changes the schema. */
const LOCK_KEY = '7162256626763653995'
const LOCK_MAX_MS = 60_000
const LOCK_POLL_MS = 50

/**
 * Brings the schema to this version, in one transaction; replicas that start at once wait for each other.
 * @returns the names of the migrations that were applied
 * @throws FaultError CONFIGURATION_INVALID when a newer version migrated the database
 * @throws Error when another replica does not come to an end with it
 */
export async function migrateUp(knex: Knex, list: readonly Migration[] = migrations): Promise<string[]> {
  return alone(knex, async (trx) => {
    await refuseNewer(trx, list)
    const [, names]: [number, string[]] = await trx.migrate.latest(config(list))
    return names
  })
}

/** Undoes the migration that was applied last. @returns its name, or undefined when there is none */
export async function migrateDown(knex: Knex, list: readonly Migration[] = migrations): Promise<string | undefined> {
  return alone(knex, async (trx) => {
    await refuseNewer(trx, list)
    const [, names]: [number, string[]] = await trx.migrate.down(config(list))
    return names[0]
  })
}

/** The names of the migrations that this version has and the database has not. */
export async function pendingMigrations(knex: Knex, list: readonly Migration[] = migrations): Promise<string[]> {
  const applied = new Set(await appliedMigrations(knex))
  return list.map(({ name }) => name).filter((name) => !applied.has(name))
}

function config(list: readonly Migration[]): Knex.MigratorConfig {
  return {
    migrationSource: {
      getMigrations: async () => [...list],
      getMigrationName: ({ name }: Migration) => name,
      getMigration: async (migration: Migration) => migration,
    },
  }
}

async function alone<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return knex.transaction(async (trx) => {
    await takeLock(trx)
    await trx.raw('SET LOCAL statement_timeout = 0')
    return work(trx)
  })
}

/** Asks again and again rather than waiting in the server, where a wait looks like silence. */
async function takeLock(trx: Knex.Transaction): Promise<void> {
  const giveUpAt = performance.now() + LOCK_MAX_MS
  for (;;) {
    const answer: { rows: { taken: boolean }[] } = await trx.raw('SELECT pg_try_advisory_xact_lock(?) AS taken', [
      LOCK_KEY,
    ])
    if (answer.rows[0]?.taken === true) return
    if (performance.now() > giveUpAt) {
      throw new Error(
        `another replica has been migrating this database for ${LOCK_MAX_MS / 1000} s: see its log, then start again`,
      )
    }
    await delay(LOCK_POLL_MS)
  }
}

async function refuseNewer(knex: Knex, list: readonly Migration[]): Promise<void> {
  const known = new Set(list.map(({ name }) => name))
  const unknown = (await appliedMigrations(knex)).filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new FaultError(
    fault('CONFIGURATION_INVALID', {
      message:
        `the database was migrated by a newer version of CertLocker (${unknown.join(', ')}): ` +
        'start that version or a later one, or restore a backup that fits this one',
    }),
  )
}

async function appliedMigrations(knex: Knex): Promise<string[]> {
  if (!(await knex.schema.hasTable('knex_migrations'))) return []
  return knex('knex_migrations').orderBy('id').pluck('name')
}
