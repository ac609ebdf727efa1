import { join } from 'node:path'
import { createMetrics, type Metrics } from './adapters/metrics/metrics.ts'
import { openLauncherVerifier } from './adapters/oidc/launcher-verifier.ts'
import { type DatabaseArchive, openArchive } from './adapters/postgres/archive/open-archive.ts'
import { databaseFault } from './adapters/postgres/database-fault.ts'
import { migrateUp } from './adapters/postgres/migrate.ts'
import { obtainDatabase } from './adapters/postgres/obtain-database.ts'
import { openConnection } from './adapters/postgres/open-connection.ts'
import { openDatabase } from './adapters/postgres/pool.ts'
import { transaction } from './adapters/postgres/transaction.ts'
import { KeyRotation } from './adapters/sealed-box/key-rotation.ts'
import { loadSealedBoxKey } from './adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from './adapters/sealed-box/sealed-box-source.ts'
import { openVault } from './adapters/vault/open-vault.ts'
import type { Config } from './config/config.schema.ts'
import { auditLines } from './domain/audit/log-line.ts'
import { openAudit } from './domain/audit/open-audit.ts'
import { PostgresAuditLog } from './domain/audit/postgres-audit-log.ts'
import { CallHistory } from './domain/history/call-history.ts'
import { HistoryStore } from './domain/history/history-store.ts'
import { bootstrapKeyHash } from './domain/people/bootstrap-key.ts'
import { AuthorityStore } from './domain/revocation/authority-store.ts'
import { AuthorityWatch } from './domain/revocation/authority-watch.ts'
import { SessionActivity } from './domain/sessions/session-activity.ts'
import { bindStores } from './domain/stores.ts'
import { createInTransaction } from './domain/work.ts'
import { openPolicy } from './gateway/open-policy.ts'
import { gatewayJobs } from './jobs/gateway-jobs.ts'
import { startSchedule } from './jobs/schedule.ts'
import { FaultError, fault, must } from './kernel/fault.ts'
import type { Log } from './kernel/log.ts'
import type { Secret } from './kernel/secret.ts'
import { started, type Undo } from './kernel/started.ts'
import { createTransport } from './transport/create-transport.ts'

/** What the process around the gateway gives it. */
export interface AppIo {
  readonly log: Log
  /** Takes audit lines, one event each, without a newline at the end. */
  readonly auditLine: (lines: string) => void
  /** Takes the admin key that this very start generated: shown once, then only its hash is left. */
  readonly adminKey: (key: Secret<string>) => void
  readonly version: string
}

export interface Gateway {
  readonly url: string
  /** Finishes running calls within the grace, flushes the audit log, and closes everything. */
  stop(): Promise<void>
}

const POOL_CONNECTIONS_MAX = 10
const STOP_GRACE_MS = 8_000
const shippedBundle = new URL('../bundles/certlocker.tar.gz', import.meta.url).href

/**
 * Puts the gateway together and starts it.
 * @throws FaultError when keys, database, log or policy do not permit a start; nothing is left running then
 */
export function startGateway(config: Config, io: AppIo): Promise<Gateway> {
  return started(io.log, (undo) => compose(config, io, undo))
}

/** The generations of the sealed-box key, to be changed beside running gateways or without any. @throws FaultError */
export function openKeys(config: Config, log: Log): Promise<{ readonly keys: KeyRotation; stop(): Promise<void> }> {
  return started(log, async (undo) => {
    const { knex, authority: clock } = await openStore(config, log, undo)
    return { keys: new KeyRotation({ knex, clock, keyFile: config.secrets.keyFile }) }
  })
}

async function compose(config: Config, io: AppIo, undo: Undo): Promise<Omit<Gateway, 'stop'>> {
  const { log, version } = io
  const store = await openStore(config, log, undo)
  const { knex, authority, history } = store
  const record = await openRecord(config, io, store, undo)
  const policy = await openPolicy(config.policy.source ?? shippedBundle, record.auditLog)
  const adminKeyHash = await bootstrapKeyHash(knex, {
    configured: config.bootstrap.adminKey,
    now: new Date(authority.now()),
    show: io.adminKey,
  })

  authority.start()
  undo.push(async () => authority.stop())
  const { auditLog, audit } = record
  const now = (): Date => new Date(authority.now())
  const inTransaction = createInTransaction({ transact: (body) => transaction(knex, body), auditLog, now })
  const stores = bindStores(knex)
  const metrics = createMetrics({
    auditQueueLength: () => auditLog.queueLength,
    poolConnections: store.connections,
    activeSessions: () => stores.sessions.countActive(),
  })
  const { keepVaultToken, ...secrets } = await openSecrets(config, store, metrics.vault, log, undo)
  const activity = new SessionActivity({ sessions: stores.sessions, tokens: stores.tokens, clock: authority })
  undo.push(() => activity.flush())
  const http = createTransport({
    config,
    version,
    log,
    stores,
    inTransaction,
    authority,
    auditLog,
    audit,
    history,
    activity,
    policy,
    ...secrets,
    verifyLauncher: config.launcher.oidc && (await openLauncherVerifier(config.launcher.oidc, authority)),
    faultOf: (error) => (error instanceof FaultError ? error.fault : databaseFault(error)),
    adminKeyHash,
    metrics,
    pingDatabase: () => knex.raw('SELECT 1'),
  })
  const [{ idleSeconds }, { inputDays }, { checkpointer }] = [config.sessions, config.policy, audit]
  const working = { knex, inTransaction, clock: authority, checkpointer, activity }
  const jobs = gatewayJobs({ ...working, idleSeconds, inputDays, keepVaultToken })
  const schedule = startSchedule(jobs, log)
  undo.push(() => schedule.stop())
  const { url } = await http.listen()
  undo.push(() => http.stop(STOP_GRACE_MS))
  return { url }
}

/** The database of these settings, for `certlocker backup` and `restore`. @throws FaultError */
export function openDatabaseArchive(config: Config, purpose: 'backup' | 'restore', log: Log): Promise<DatabaseArchive> {
  return openArchive(databasePlace(config), purpose, log)
}

const databasePlace = ({ database: { url }, dataDir }: Config) => ({ url, directory: join(dataDir, 'postgres') })

/** The database, migrated, with the clock and the authority epoch that come from it. */
async function openStore(config: Config, log: Log, undo: Undo) {
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
  return { address, knex, history, authority, connections: database.connections }
}

type Store = Awaited<ReturnType<typeof openStore>>

/** The audit log: checked from its last checkpoint on, or the start is refused. */
async function openRecord(
  config: Config,
  { auditLine }: AppIo,
  { address, knex, history, authority }: Store,
  undo: Undo,
) {
  const auditLog = new PostgresAuditLog({
    knex,
    openConnection: () => openConnection({ ...address, applicationName: 'certlocker-audit' }),
    clock: authority,
    observers: [
      {
        appended: (events) => {
          for (const event of events) history.record(event)
          authority.appended(events)
        },
        authority: (epoch, nowMs) => authority.observe(epoch, nowMs),
      },
      auditLines(auditLine),
    ],
  })
  undo.push(() => auditLog.close())
  const { keyFile, acceptTruncated } = config.audit
  const directory = join(config.dataDir, 'audit')
  const audit = must(await openAudit({ knex, clock: authority, auditLog, keyFile, directory, acceptTruncated }))
  undo.push(async () => void must(await audit.checkpointer.checkpoint()))
  return { auditLog, audit }
}

/** Where values are kept: in Vault when it is configured, else, and before that, sealed in the database. */
async function openSecrets(config: Config, store: Store, meter: Metrics['vault'], log: Log, undo: Undo) {
  const [{ secrets, vault }, { knex, authority: clock }] = [config, store]
  const key = must(await loadSealedBoxKey({ knex, clock, keyFile: secrets.keyFile }))
  const hmacKey = key.deriveKey('certlocker.sensitive-arguments/v1')
  const sealedBox = new SealedBoxSource({ knex, key, clock })
  const { address } = vault
  if (address === undefined) return { source: sealedBox, hmacKey, keepVaultToken: undefined }
  const pinKey = key.deriveKey('certlocker.vault-pins/v1')
  const opened = await openVault({ ...vault, address }, { sealedBox, pinKey, clock, log, meter })
  undo.push(opened.close)
  return { source: opened.source, hmacKey, keepVaultToken: opened.keepAlive }
}
