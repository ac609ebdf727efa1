import type { Knex } from 'knex'
import { inject } from 'vitest'
import type { DatabaseConnection } from '../../src/adapters/postgres/embedded-cluster.ts'
import { openDatabase } from '../../src/adapters/postgres/pool.ts'
import { Secret } from '../../src/kernel/secret.ts'
import type { Address, DatabaseContent } from './database-server.ts'
import { silentLog } from './silent-log.ts'

const POOL_MAX = 5

export interface TestDatabase {
  readonly knex: Knex
  readonly connection: DatabaseConnection
  /** The same as a connection URI, for a process under test. */
  readonly url: string
  /** Closes `knex` and has the database dropped, without waiting for that. */
  drop(): Promise<void>
}

/**
 * A database of its own with the migrated schema, on the run's one real PostgreSQL. Take one per test file, in `beforeAll`,
 * and drop it in `afterAll`.
 */
export function testDatabase(): Promise<TestDatabase> {
  return databaseWith('migrated')
}

/** The same without any table: for tests of the migrations. */
export function emptyDatabase(): Promise<TestDatabase> {
  return databaseWith('empty')
}

async function databaseWith(content: DatabaseContent): Promise<TestDatabase> {
  const door = inject('databaseDoor')
  const response = await fetch(`${door}/${content}`, { method: 'POST' })
  if (!response.ok) throw new Error(`the test cluster gives no database: ${await response.text()}`)
  const address: Address = JSON.parse(await response.text())
  const connection = { ...address, password: new Secret(address.password) }
  const { knex, close } = openDatabase({ connection, poolMax: POOL_MAX, applicationName: 'test', log: silentLog })
  return {
    knex,
    connection,
    url: `postgres://${address.user}:${encodeURIComponent(address.password)}@${address.host}:${address.port}/${address.database}`,
    drop: async () => {
      await close()
      fetch(`${door}/${address.database}`, { method: 'DELETE' }).catch(() => undefined)
    },
  }
}
