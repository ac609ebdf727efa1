import type { Knex } from 'knex'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { migrateDown, migrateUp, pendingMigrations } from '../../../src/adapters/postgres/migrate.ts'
import { migrations } from '../../../src/adapters/postgres/migrations/all.ts'
import { openDatabase } from '../../../src/adapters/postgres/pool.ts'
import { emptyDatabase, type TestDatabase } from '../../support/database.ts'
import { silentLog } from '../../support/silent-log.ts'

const shelf = {
  name: '0001-shelf',
  up: async (knex: Knex) => {
    await knex.raw('CREATE TABLE shelf (id text PRIMARY KEY)')
  },
  down: async (knex: Knex) => {
    await knex.raw('DROP TABLE shelf')
  },
}
const box = {
  name: '0002-box',
  up: async (knex: Knex) => {
    await knex.raw('CREATE TABLE box (id text PRIMARY KEY)')
  },
  down: async (knex: Knex) => {
    await knex.raw('DROP TABLE box')
  },
}
const broken = {
  name: '0003-broken',
  up: async (knex: Knex) => {
    await knex.raw('CREATE TABLE half_done (id text)')
    await knex.raw('CREATE TABLE shelf (id text)')
  },
  down: async () => undefined,
}

let database: TestDatabase
beforeEach(async () => {
  database = await emptyDatabase()
})
afterEach(() => database.drop())

describe('migrations', () => {
  test('are applied in order, once, and their names are told', async () => {
    expect(await pendingMigrations(database.knex, [shelf, box])).toEqual(['0001-shelf', '0002-box'])
    expect(await migrateUp(database.knex, [shelf])).toEqual(['0001-shelf'])
    expect(await pendingMigrations(database.knex, [shelf, box])).toEqual(['0002-box'])
    expect(await migrateUp(database.knex, [shelf, box])).toEqual(['0002-box'])
    expect(await migrateUp(database.knex, [shelf, box])).toEqual([])
    expect(await pendingMigrations(database.knex, [shelf, box])).toEqual([])
  })

  test('are undone one at a time, the last first', async () => {
    await migrateUp(database.knex, [shelf, box])
    expect(await migrateDown(database.knex, [shelf, box])).toBe('0002-box')
    expect(await database.knex.schema.hasTable('box')).toBe(false)
    expect(await database.knex.schema.hasTable('shelf')).toBe(true)
    expect(await migrateDown(database.knex, [shelf, box])).toBe('0001-shelf')
    expect(await migrateDown(database.knex, [shelf, box])).toBeUndefined()
  })

  test('leave nothing behind when one of them fails', async () => {
    await expect(migrateUp(database.knex, [shelf, box, broken])).rejects.toThrow('already exists')
    expect(await database.knex.schema.hasTable('shelf')).toBe(false)
    expect(await database.knex.schema.hasTable('half_done')).toBe(false)
    expect(await migrateUp(database.knex, [shelf, box])).toEqual(['0001-shelf', '0002-box'])
  })

  test('of a newer version are refused by name', async () => {
    await migrateUp(database.knex, [shelf, box])
    await expect(migrateUp(database.knex, [shelf])).rejects.toThrow(/newer version of CertLocker \(0002-box\)/)
    await expect(migrateDown(database.knex, [shelf])).rejects.toThrow(/newer version/)
    await expect(migrateUp(database.knex, [shelf])).rejects.toMatchObject({ fault: { code: 'CONFIGURATION_INVALID' } })
  })

  test('are applied by one of several replicas that start at once on an empty database', async () => {
    const replicas = [1, 2, 3, 4].map(() =>
      openDatabase({ connection: database.connection, poolMax: 1, applicationName: 'replica', log: silentLog }),
    )
    const applied = await Promise.all(replicas.map(({ knex }) => migrateUp(knex, [shelf, box])))
    await Promise.all(replicas.map(({ close }) => close()))
    expect(applied.filter((names) => names.length > 0)).toEqual([['0001-shelf', '0002-box']])
  })

  test('of this version go up, down to nothing, and up again', async () => {
    const names = migrations.map(({ name }) => name)
    expect(await migrateUp(database.knex)).toEqual(names)
    const before = await objects(database.knex)
    for (const name of names.toReversed()) expect(await migrateDown(database.knex)).toBe(name)
    expect(await objects(database.knex)).toEqual(['knex_migrations', 'knex_migrations_lock'])
    expect(await migrateUp(database.knex)).toEqual(names)
    expect(await objects(database.knex)).toEqual(before)
  })

  test('take tokens along: an old one stays what it was, one that was spent does not come back to life', async () => {
    const { knex } = database
    const index = migrations.findIndex(({ name }) => name === '0004-token-chains')
    const [before, after] = [migrations.slice(0, index), migrations.slice(0, index + 1)]
    await migrateUp(knex, before)
    await knex.raw(`
      INSERT INTO people (id, email, name, role, created_at, created_by) VALUES ('p', 'p@x', 'p', 'operator', now(), '');
      INSERT INTO agents (id, name, owner_id, risk_level, scopes, status, created_at, created_by)
        VALUES ('a', 'a', 'p', 'low', '{}', 'active', now(), '');
      INSERT INTO tokens (id, agent_id, name, prefix, hash, expires_at, created_at, created_by)
        VALUES ('old', 'a', 'x', 'x', sha256('old'), '2030-01-01', now(), '')`)
    await migrateUp(knex, after)
    const [old] = await knex('tokens')
    expect(old).toMatchObject({ chain_id: 'old', single_use: false, usable_until: new Date('2030-01-01') })
    await knex('tokens').insert({ ...old, id: 'once', chain_id: 'once', hash: Buffer.alloc(32), single_use: true })
    await migrateDown(knex, after)
    const rows = await knex('tokens').orderBy('id')
    expect(rows).toMatchObject([
      { id: 'old', revoked_at: null },
      { id: 'once', revoked_at: expect.any(Date) },
    ])
  })
})

/** Tables and functions of the public schema. */
async function objects(knex: Knex): Promise<string[]> {
  const { rows }: { rows: { name: string }[] } = await knex.raw(`
    SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`)
  return rows.map(({ name }) => name)
}
