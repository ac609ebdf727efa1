import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseFault } from '../../../src/adapters/postgres/database-fault.ts'
import { openConnection } from '../../../src/adapters/postgres/open-connection.ts'
import { openDatabase } from '../../../src/adapters/postgres/pool.ts'
import type { Fault } from '../../../src/kernel/fault.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { emptyDatabase, type TestDatabase } from '../../support/database.ts'
import { faultProxy } from '../../support/fault-proxy.ts'
import { silentLog } from '../../support/silent-log.ts'

const CANARY = 'canary-7c1f0b'
const settings = { poolMax: 2, applicationName: 'certlocker test', log: silentLog }

let database: TestDatabase
beforeAll(async () => {
  database = await emptyDatabase()
  await database.knex.raw(`
    CREATE TABLE shelf (name text CONSTRAINT shelf_name_key UNIQUE, size integer CONSTRAINT shelf_size_check CHECK (size < 10));
    CREATE TABLE box (shelf text CONSTRAINT box_shelf_fkey REFERENCES shelf (name))`)
})
afterAll(() => database.drop())

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  return databaseFault(
    await work.then(
      () => expect.unreachable(),
      (error: unknown) => error,
    ),
  )
}

async function answer(knex: Knex, sql: string): Promise<unknown> {
  const { rows }: { rows: { answer: unknown }[] } = await knex.raw(sql)
  return rows[0]?.answer
}

describe('a connection', () => {
  test('commits to disk before it answers, whatever the address says', async () => {
    const url = new Secret(`${database.url}?options=${encodeURIComponent('-c synchronous_commit=off -c work_mem=5MB')}`)
    const { knex, close } = openDatabase({ ...settings, url })
    expect(await answer(knex, `SELECT current_setting('synchronous_commit') AS answer`)).toBe('on')
    expect(await answer(knex, `SELECT current_setting('work_mem') AS answer`)).toBe('5MB')
    expect(await answer(knex, `SELECT current_setting('application_name') AS answer`)).toBe('certlocker test')
    expect(await answer(knex, `SELECT current_setting('idle_in_transaction_session_timeout') AS answer`)).toBe('10s')
    await close()
  })

  test('that the server ends while idle is replaced at the next statement', async () => {
    const { knex, close } = openDatabase({ ...settings, connection: database.connection, poolMax: 1 })
    const first = await answer(knex, 'SELECT pg_backend_pid() AS answer')
    await database.knex.raw('SELECT pg_terminate_backend(?, 5000)', [Number(first)])
    const later = await retried(() => answer(knex, 'SELECT pg_backend_pid() AS answer'))
    expect(later).not.toBe(first)
    await close()
  })
})

describe('a connection outside the pool', () => {
  test('makes the same promises', async () => {
    const url = new Secret(database.url)
    const client = await openConnection({ url, applicationName: 'alone', timeoutMs: 300 })
    client.on('error', () => undefined)
    const { rows } = await client.query(
      `SELECT current_setting('synchronous_commit') AS commit, current_setting('application_name') AS name`,
    )
    expect(rows).toEqual([{ commit: 'on', name: 'alone' }])
    expect((await faultOf(client.query('SELECT pg_sleep(60)'))).code).toBe('DATABASE_UNAVAILABLE')
    await client.end()
  })
})

describe('a database that is away', () => {
  test('is unavailable when nobody listens', async () => {
    const proxy = await faultProxy(database.connection.port)
    proxy.close()
    const { knex, close } = openDatabase({ ...settings, connection: { ...database.connection, port: proxy.port } })
    expect((await faultOf(knex.raw('SELECT 1'))).code).toBe('DATABASE_UNAVAILABLE')
    await close()
  })

  test('is unavailable when it does not exist or refuses us', async () => {
    for (const wrong of [{ database: 'nowhere' }, { password: new Secret('wrong') }, { host: 'certlocker.invalid' }]) {
      const { knex, close } = openDatabase({ ...settings, connection: { ...database.connection, ...wrong } })
      expect((await faultOf(knex.raw('SELECT 1'))).code).toBe('DATABASE_UNAVAILABLE')
      await close()
    }
  })

  test('is unavailable when it falls silent, and afterwards no late answer reaches another question', async () => {
    const proxy = await faultProxy(database.connection.port)
    const connection = { ...database.connection, port: proxy.port }
    const { knex, close } = openDatabase({ ...settings, connection, poolMax: 1, timeoutMs: 300 })
    expect(await answer(knex, 'SELECT 1 AS answer')).toBe(1)
    proxy.silence()
    const since = performance.now()
    expect((await faultOf(knex.raw('SELECT 2 AS answer'))).code).toBe('DATABASE_UNAVAILABLE')
    expect(performance.now() - since).toBeLessThan(2_000)
    proxy.speak()
    expect(await answer(knex, 'SELECT 3 AS answer')).toBe(3)
    await close()
    proxy.close()
  })

  test('is unavailable when it falls silent within a transaction, which is not waited for again to roll back', async () => {
    const proxy = await faultProxy(database.connection.port)
    const connection = { ...database.connection, port: proxy.port }
    const { knex, close } = openDatabase({ ...settings, connection, poolMax: 1, timeoutMs: 1_000 })
    const since = performance.now()
    const fault = await faultOf(
      knex.transaction(async (trx) => {
        await trx.raw('SELECT 1')
        proxy.silence()
        await trx('shelf').insert({ name: 'never' })
      }),
    )
    expect(fault.code).toBe('DATABASE_UNAVAILABLE')
    expect(performance.now() - since).toBeLessThan(1_900)
    proxy.speak()
    expect(await knex('shelf').where('name', 'never')).toEqual([])
    await close()
    proxy.close()
  })

  test('is unavailable for a statement that takes too long, and ends it in the server', async () => {
    const { knex, close } = openDatabase({
      ...settings,
      connection: database.connection,
      poolMax: 1,
      timeoutMs: 2_000,
    })
    const backend = await answer(knex, 'SELECT pg_backend_pid() AS answer')
    expect(await faultOf(knex.raw('SELECT pg_sleep(60)'))).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      detail: '57014',
    })
    expect(await answer(knex, 'SELECT pg_backend_pid() AS answer')).toBe(backend)
    await close()
  })
})

describe('an error of the database', () => {
  test.each([
    [
      'a name that is taken',
      () => database.knex('shelf').insert([{ name: CANARY }, { name: CANARY }]),
      'NAME_TAKEN',
      'shelf_name_key',
    ],
    [
      'a reference to nothing',
      () => database.knex('box').insert({ shelf: CANARY }),
      'REFERENCE_UNKNOWN',
      'box_shelf_fkey',
    ],
    [
      'a row that breaks a check',
      () => database.knex('shelf').insert({ name: CANARY, size: 11 }),
      'INTERNAL',
      '23514 shelf_size_check',
    ],
    ['a value of another type', () => database.knex('shelf').insert({ size: CANARY }), 'INTERNAL', '22P02'],
    ['a query that is wrong', () => database.knex('nowhere').insert({ name: CANARY }), 'INTERNAL', '42P01'],
    // knex takes the operator for a placeholder when it writes values into messages.
    [
      'a query with a question mark',
      () => database.knex.raw(String.raw`SELECT nowhere \? ?`, [CANARY]),
      'INTERNAL',
      '42703',
    ],
    ['JSON that is none', () => database.knex.raw('SELECT ?::jsonb', [`{"${CANARY}`]), 'INTERNAL', '22P02'],
  ] as const)('%s becomes a fault that quotes no value', async (_, work, code, detail) => {
    const fault = await faultOf(Promise.resolve(work()))
    expect(fault).toMatchObject({ code, detail })
    expect(fault.cause).toBeInstanceOf(Error)
    expect(inspect(fault, { depth: 9, showHidden: true })).not.toContain(CANARY)
  })

  test('of a pool that stays full is unavailability, and quotes no value', async () => {
    const { knex, close } = openDatabase({ ...settings, connection: database.connection, poolMax: 1, timeoutMs: 300 })
    const holder = await knex.transaction()
    const fault = await faultOf(Promise.resolve(knex.raw('SELECT ?', [CANARY])))
    expect(fault.code).toBe('DATABASE_UNAVAILABLE')
    expect(inspect(fault, { depth: 9, showHidden: true })).not.toContain(CANARY)
    await holder.rollback()
    await close()
  })
})

/** The end of an idle connection is noticed a moment after it happened. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}
