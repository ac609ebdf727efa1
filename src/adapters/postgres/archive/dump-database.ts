import type { Knex } from 'knex'
import { FaultError, fault } from '../../../kernel/fault.ts'

const ROWS_AT_ONCE = 200

/**
 * The database as lines of JSON, all of one moment, while others go on writing: first `{"migrations": [...]}`, then a row a
 * line as `["table", {column: value}]`, as PostgreSQL's `row_to_json` writes it, which loses nothing of any type used here.
 * @throws FaultError CONFIGURATION_INVALID when there is nothing of CertLocker's in the database
 */
export async function* dumpDatabase(knex: Knex): AsyncGenerator<string> {
  const trx = await knex.transaction({ isolationLevel: 'repeatable read', readOnly: true })
  try {
    // The reader's disk may be slower than this database is patient.
    await trx.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    const migrations = await appliedMigrations(trx)
    yield JSON.stringify({ migrations })
    for (const table of await dataTables(trx)) yield* dumpTable(trx, table)
  } finally {
    await trx.rollback()
  }
}

/** The tables that hold data of ours, parents of partitions for their parts, without the migrator's own and what is unlogged. */
export async function dataTables(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { relname: string }[] }>(
    `SELECT relname FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relpersistence = 'p'
       AND relname NOT IN ('knex_migrations', 'knex_migrations_lock')
     ORDER BY relname`,
  )
  return rows.map(({ relname }) => relname)
}

async function appliedMigrations(knex: Knex): Promise<string[]> {
  const names: string[] = (await knex.schema.hasTable('knex_migrations'))
    ? await knex('knex_migrations').orderBy('id').pluck('name')
    : []
  if (names.length > 0) return names
  throw new FaultError(
    fault('CONFIGURATION_INVALID', {
      message: 'There is nothing of CertLocker in this database: check database.url and dataDir',
    }),
  )
}

async function* dumpTable(trx: Knex.Transaction, table: string): AsyncGenerator<string> {
  await trx.raw('DECLARE dumped NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS row FROM ?? t', [table])
  for (;;) {
    const { rows } = await trx.raw<{ rows: { row: string }[] }>(`FETCH ${ROWS_AT_ONCE} FROM dumped`)
    for (const { row } of rows) yield `[${JSON.stringify(table)},${row}]`
    if (rows.length < ROWS_AT_ONCE) break
  }
  await trx.raw('CLOSE dumped')
}
