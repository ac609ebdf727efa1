import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { startEmbeddedCluster } from '../../src/adapters/postgres/embedded-cluster.ts'
import { migrateUp } from '../../src/adapters/postgres/migrate.ts'
import { openConnection } from '../../src/adapters/postgres/open-connection.ts'
import { openDatabase } from '../../src/adapters/postgres/pool.ts'
import { PostgresAuditLog } from '../../src/domain/audit/postgres-audit-log.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { silentLog } from '../support/silent-log.ts'

export interface BenchDatabase {
  /** Connection URL with superuser rights. */
  readonly url: string
  readonly knex: Knex
  /** The log as one more replica writes it. */
  readonly log: PostgresAuditLog
  /** For whatever else has to lie beside the database; removed with it. */
  readonly directory: string
  close(): Promise<void>
}

/** A migrated, durable, embedded cluster of its own. */
export async function benchDatabase(): Promise<BenchDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-bench-'))
  chmodSync(directory, 0o755)
  const cluster = await startEmbeddedCluster({ directory: join(directory, 'cluster'), log: silentLog })
  const address = { connection: cluster.connection, applicationName: 'bench' }
  const database = openDatabase({ ...address, poolMax: 2, log: silentLog })
  await migrateUp(database.knex)
  const log = new PostgresAuditLog({
    knex: database.knex,
    openConnection: () => openConnection(address),
    clock: systemClock,
    observers: [],
  })
  const { host, port, user, password, database: name } = cluster.connection
  return {
    url: `postgres://${user}:${encodeURIComponent(password.expose())}@${host}:${port}/${name}`,
    knex: database.knex,
    log,
    directory,
    async close() {
      await log.close()
      await database.close()
      await cluster.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
