import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { type EmbeddedCluster, startEmbeddedCluster } from '../../src/adapters/postgres/embedded-cluster.ts'
import { migrateUp } from '../../src/adapters/postgres/migrate.ts'
import { openDatabase } from '../../src/adapters/postgres/pool.ts'
import { silentLog } from './silent-log.ts'

const TEMPLATE = 'certlocker_template'
const EMPTY = 'template1'
const ADMIN_POOL_MAX = 4
const ADMIN_TIMEOUT_MS = 60_000

/** What a test can be given: the migrated schema without rows, or nothing at all. */
export type DatabaseContent = 'migrated' | 'empty'

/** One throw-away cluster for a test run. It starts when the first test asks for a database. */
export class DatabaseServer {
  #running: Promise<Running> | undefined

  /** A database of its own for the asker. */
  async create(content: DatabaseContent): Promise<Address> {
    this.#running ??= start()
    const { cluster, admin } = await this.#running
    const database = `test_${randomBytes(8).toString('hex')}`
    await admin.raw('CREATE DATABASE ?? TEMPLATE ??', [database, content === 'migrated' ? TEMPLATE : EMPTY])
    const { password, ...rest } = cluster.connection
    return { ...rest, password: password.expose(), database }
  }

  async drop(database: string): Promise<void> {
    const { admin } = (await this.#running) ?? {}
    await admin?.raw('DROP DATABASE IF EXISTS ?? WITH (FORCE)', [database])
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return
    const { cluster, closeAdmin, directory } = await this.#running
    await closeAdmin()
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** As it goes over the wire to a worker. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

interface Running {
  readonly cluster: EmbeddedCluster
  readonly directory: string
  readonly admin: Knex
  readonly closeAdmin: () => Promise<void>
}

async function start(): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-test-'))
  // As root, the server runs as another user.
  chmodSync(directory, 0o755)
  const cluster = await startEmbeddedCluster({ directory: join(directory, 'cluster'), durable: false, log: silentLog })
  const open = (database: string, poolMax: number) =>
    openDatabase({
      connection: { ...cluster.connection, database },
      poolMax,
      applicationName: 'test run',
      log: silentLog,
      timeoutMs: ADMIN_TIMEOUT_MS,
    })
  const { knex: admin, close: closeAdmin } = open('postgres', ADMIN_POOL_MAX)
  await admin.raw('CREATE DATABASE ??', [TEMPLATE])
  const template = open(TEMPLATE, 1)
  try {
    await migrateUp(template.knex)
  } finally {
    await template.close()
  }
  await admin.raw('ALTER DATABASE ?? WITH IS_TEMPLATE true ALLOW_CONNECTIONS false', [TEMPLATE])
  return { cluster, directory, admin, closeAdmin }
}
