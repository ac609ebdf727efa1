import { join } from 'node:path'
import { openArchive, type DatabaseArchive } from '../adapters/postgres/archive/open-archive.ts'
import { listen } from '../adapters/postgres/listen.ts'
import { migrateUp } from '../adapters/postgres/migrate.ts'
import { obtainDatabase } from '../adapters/postgres/obtain-database.ts'
import { openDatabase } from '../adapters/postgres/pool.ts'
import type { Config } from '../config/config.schema.ts'
import { ApprovalStore } from '../domain/approvals/approval-store.ts'
import { ApprovalWatch } from '../domain/approvals/approval-watch.ts'
import { CallHistory } from '../domain/history/call-history.ts'
import { HistoryStore } from '../domain/history/history-store.ts'
import { AuthorityStore } from '../domain/revocation/authority-store.ts'
import { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import { FaultError, fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'

const POOL_CONNECTIONS_MAX = 10

/** The database, migrated, with the clock, the authority epoch and word of decided approvals that come from it. */
export async function openStore(config: Config, log: Log, undo: Undo) {
  const { address, stop } = await obtainDatabase(databasePlace(config), log)
  undo.push(stop)
  const database = openDatabase({ ...address, poolMax: POOL_CONNECTIONS_MAX, applicationName: 'certlocker', log })
  undo.push(() => database.close())
  const { knex } = database
  await migrateUp(knex)
  const history = new CallHistory(new HistoryStore(knex))
  // A connection of its own: whether anybody may be let through must not wait behind those who fill the pool.
  const lookout = openDatabase({ ...address, poolMax: 1, applicationName: 'certlocker-authority', log })
  undo.push(() => lookout.close())
  const authority = new AuthorityWatch({
    read: (logSize) => new AuthorityStore(lookout.knex).read(logSize),
    polled: (size) => history.follow(size),
    failed: (error) => log.warn('the authority epoch cannot be read', { error }),
    monotonicMs: () => performance.now(),
  })
  if (!(await authority.fresh())) throw new FaultError(fault('DATABASE_UNAVAILABLE'))
  const approvals = new ApprovalStore(knex)
  const approvalWatch = new ApprovalWatch({
    statusesOf: (ids) => approvals.statusesOf(ids),
    failed: (error) => log.warn('approvals cannot be looked at', { error }),
  })
  authority.onSessionEnd((sessionId) => approvalWatch.sessionEnded(sessionId))
  const listener = listen(
    { ...address, applicationName: 'certlocker-listen' },
    { certlocker_authority: () => authority.lookNow(), certlocker_approvals: () => approvalWatch.lookNow() },
    log,
  )
  undo.push(() => listener.stop())
  return { address, knex, history, authority, approvalWatch, connections: database.connections }
}

/** What `openStore` opened. */
export type Store = Awaited<ReturnType<typeof openStore>>

/** The database of these settings, for `certlocker backup` and `restore`. @throws FaultError */
export function openDatabaseArchive(config: Config, purpose: 'backup' | 'restore', log: Log): Promise<DatabaseArchive> {
  return openArchive(databasePlace(config), purpose, log)
}

const databasePlace = ({ database: { url }, dataDir }: Config) => ({ url, directory: join(dataDir, 'postgres') })
