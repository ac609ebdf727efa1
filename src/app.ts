import { createMetrics } from './adapters/metrics/metrics.ts'
import { openLauncherVerifier } from './adapters/oidc/launcher-verifier.ts'
import { openProber } from './app/open-prober.ts'
import { databaseFault } from './adapters/postgres/database-fault.ts'
import { transaction } from './adapters/postgres/transaction.ts'
import { KeyRotation } from './adapters/sealed-box/key-rotation.ts'
import { joinReplicas } from './app/join-replicas.ts'
import { openRecord } from './app/open-record.ts'
import { openSecrets } from './app/open-secrets.ts'
import { openStore } from './app/open-store.ts'
import type { Config } from './config/config.schema.ts'
import { bootstrapKeyHash } from './domain/people/bootstrap-key.ts'
import { SessionActivity } from './domain/sessions/session-activity.ts'
import { bindStores } from './domain/stores.ts'
import { CallCountStore } from './domain/tokens/call-count-store.ts'
import { createInTransaction } from './domain/work.ts'
import { CallRate } from './gateway/call-rate.ts'
import { openPolicy } from './gateway/open-policy.ts'
import { gatewayJobs } from './jobs/gateway-jobs.ts'
import { startSchedule } from './jobs/schedule.ts'
import { FaultError } from './kernel/fault.ts'
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
  const { auditLog, audit, approvalWatch } = await openRecord(config, io.auditLine, store, log, undo)
  const policy = await openPolicy(config.policy.source ?? shippedBundle, auditLog)
  const adminKeyHash = await bootstrapKeyHash(knex, {
    configured: config.bootstrap.adminKey,
    now: new Date(authority.now()),
    show: io.adminKey,
  })

  authority.start()
  undo.push(async () => authority.stop())
  const now = (): Date => new Date(authority.now())
  const inTransaction = createInTransaction({ transact: (body) => transaction(knex, body), auditLog, now })
  const stores = bindStores(knex)
  const metrics = createMetrics({
    auditQueueLength: () => auditLog.queueLength,
    poolConnections: store.connections,
    activeSessions: () => stores.sessions.countActive(),
  })
  const { keepVaultToken, ...secrets } = await openSecrets(config, store, metrics.vault, log, undo)
  const outside = { ...secrets, ...openProber(config, authority) }
  const activity = new SessionActivity({ sessions: stores.sessions, tokens: stores.tokens, clock: authority })
  undo.push(() => activity.flush())
  const callRate = new CallRate(config.limits, { store: new CallCountStore(knex), clock: authority })
  const { live, replica } = await joinReplicas(stores, authority, log, undo)
  const http = createTransport({
    config,
    live,
    version,
    log,
    stores,
    inTransaction,
    authority,
    auditLog,
    audit,
    history,
    activity,
    callRate,
    approvalWatch,
    policy,
    ...outside,
    verifyLauncher: config.launcher.oidc && (await openLauncherVerifier(config.launcher.oidc, authority)),
    faultOf: (error) => (error instanceof FaultError ? error.fault : databaseFault(error)),
    adminKeyHash,
    metrics,
    pingDatabase: () => knex.raw('SELECT 1'),
  })
  const [{ idleSeconds }, { inputDays }, { checkpointer }] = [config.sessions, config.policy, audit]
  const working = { ...outside, knex, inTransaction, clock: authority, checkpointer, activity, callRate }
  const jobs = gatewayJobs({ ...working, idleSeconds, inputDays, keepVaultToken, stores, replica })
  const schedule = startSchedule(jobs, log)
  undo.push(() => schedule.stop())
  const { url } = await http.listen()
  undo.push(() => http.stop(STOP_GRACE_MS))
  // First of all: nobody waits for people while the gateway stops.
  undo.push(async () => approvalWatch.close())
  return { url }
}
