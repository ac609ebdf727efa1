import type { Knex } from 'knex'
import { FaultError, fault } from '../../../kernel/fault.ts'
import { migrateDown, migrateUp } from '../migrate.ts'
import { type Migration, migrations as known } from '../migrations/all.ts'
import { dataTables } from './dump-database.ts'

const BATCH_ROWS_MAX = 500
const BATCH_CHARACTERS_MAX = 4_000_000

/** Rows restored, by table. */
export type RowCounts = Readonly<Record<string, number>>

/**
 * Puts back what `dumpDatabase` gave, in one transaction: all of it or nothing. The schema is made as it was then; the next
 * start migrates it to this version.
 * @param force whether CertLocker's tables that are there, with all they hold, make way
 * @throws FaultError when the database is not empty, a gateway uses it, or the dump is of a newer version; and whatever
 * `lines` throws
 */
export async function restoreDatabase(knex: Knex, lines: AsyncIterable<string>, force: boolean): Promise<RowCounts> {
  return knex.transaction(async (trx) => {
    await trx.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    await refuseGateways(trx)
    await makeWay(trx, force)
    const loader = new Loader(trx)
    for await (const line of lines) await loader.take(line)
    return loader.finish()
  })
}

async function refuseGateways(trx: Knex.Transaction): Promise<void> {
  const { rowCount } = await trx.raw<{ rowCount: number }>(
    `SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'certlocker%' AND pid <> pg_backend_pid()`,
  )
  if (rowCount > 0) throw refused('A gateway is connected to this database: stop every replica first')
}

async function makeWay(trx: Knex.Transaction, force: boolean): Promise<void> {
  const tables = await dataTables(trx)
  if (tables.length === 0) return
  if (!force)
    throw refused(
      `The database is not empty (${tables.length} tables): restore into an empty one, or replace what is there with --force`,
    )
  while ((await migrateDown(trx)) !== undefined);
  const strangers = await dataTables(trx)
  if (strangers.length > 0)
    throw refused(
      `The database holds tables that are not CertLocker's (${strangers.join(', ')}): give it one of its own`,
    )
}

/** Makes the schema at the first line, then inserts in batches. Foreign keys are checked when all rows are there. */
class Loader {
  readonly #trx: Knex.Transaction
  readonly #counts: Record<string, number> = {}
  #foreignKeys: readonly ForeignKey[] | undefined
  #table = ''
  #batch: string[] = []
  #characters = 0

  constructor(trx: Knex.Transaction) {
    this.#trx = trx
  }

  async take(line: string): Promise<void> {
    if (this.#foreignKeys === undefined) {
      await migrateUp(this.#trx, migrationsNamed(line))
      this.#foreignKeys = await dropForeignKeys(this.#trx)
      for (const table of await dataTables(this.#trx)) await this.#begin(table)
      return
    }
    const [, name, row] = /^\["([^"\\]+)",(\{.*\})\]$/s.exec(line) ?? []
    if (name === undefined || row === undefined || !(name in this.#counts))
      throw refused('The backup holds a row of no table of its version')
    if (name !== this.#table || this.#batch.length >= BATCH_ROWS_MAX || this.#characters > BATCH_CHARACTERS_MAX)
      await this.#flush()
    this.#table = name
    this.#batch.push(row)
    this.#characters += row.length
  }

  async finish(): Promise<RowCounts> {
    await this.#flush()
    if (this.#foreignKeys === undefined) throw refused('The backup holds no database')
    for (const { owner, name, definition } of this.#foreignKeys)
      await this.#trx.raw(`ALTER TABLE ${owner} ADD CONSTRAINT ?? ${definition}`, [name])
    return this.#counts
  }

  /** Rows that a migration puts in place are in the dump as well. Append-only tables refuse any DELETE, and have none. */
  async #begin(table: string): Promise<void> {
    this.#counts[table] = 0
    if ((await this.#trx(table).first(this.#trx.raw('1'))) !== undefined) await this.#trx(table).delete()
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return
    await this.#trx.raw('INSERT INTO ?? SELECT * FROM json_populate_recordset(NULL::??, ?::json)', [
      this.#table,
      this.#table,
      `[${this.#batch.join(',')}]`,
    ])
    this.#counts[this.#table] = (this.#counts[this.#table] ?? 0) + this.#batch.length
    this.#batch = []
    this.#characters = 0
  }
}

function migrationsNamed(line: string): readonly Migration[] {
  const { migrations: names = [] }: { migrations?: readonly string[] } = JSON.parse(line)
  const unknown = names.filter((name) => !known.some((migration) => migration.name === name))
  if (unknown.length > 0)
    throw refused(
      `The backup is of a newer version of CertLocker (${unknown.join(', ')}): restore it with that version or a later one`,
    )
  return known.filter(({ name }) => names.includes(name))
}

interface ForeignKey {
  /** Quoted as SQL wants it. */
  readonly owner: string
  readonly name: string
  readonly definition: string
}

async function dropForeignKeys(trx: Knex.Transaction): Promise<readonly ForeignKey[]> {
  const { rows } = await trx.raw<{ rows: ForeignKey[] }>(
    `SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conparentid = 0`,
  )
  for (const { owner, name } of rows) await trx.raw(`ALTER TABLE ${owner} DROP CONSTRAINT ??`, [name])
  return rows
}

function refused(message: string): FaultError {
  return new FaultError(fault('STATE_CONFLICT', { message }))
}
