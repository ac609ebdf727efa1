import { createMetrics } from './adapters/metrics/metrics.ts'
import { openLauncherVerifier } from './adapters/oidc/launcher-verifier.ts'
import { openProber } from './app/open-prober.ts'
import { databaseFault } from './adapters/postgres/database-fault.ts'
import { transaction } from './adapters/postgres/transaction.ts'
import { KeyRotation } from './adapters/sealed-box/key-rotation.ts'
import { BastionRunner } from './adapters/ssh/bastion-runner.ts'
import { joinReplicas } from './app/join-replicas.ts'
import { openBastion } from './app/open-bastion.ts'
import { openPolicy } from './app/open-policy.ts'
import { openCertificates } from './app/open-certificates.ts'
import { openRecord } from './app/open-record.ts'
import { openSecrets } from './app/open-secrets.ts'
import { openStore } from './app/open-store.ts'
import type { Bastion } from './bastion/bastion.ts'
import type { Config } from './config/config.schema.ts'
import { bootstrapKeyHash } from './domain/people/bootstrap-key.ts'
import { SessionActivity } from './domain/sessions/session-activity.ts'
import { bindStores } from './domain/stores.ts'
import { CallCountStore } from './domain/tokens/call-count-store.ts'
import { createInTransaction } from './domain/work.ts'
import { CallRate } from './gateway/call-rate.ts'
import type { LiveWork } from './gateway/live-work.ts'
import { gatewayJobs, replicaJobs } from './jobs/gateway-jobs.ts'
import { type Job, startSchedule } from './jobs/schedule.ts'
import { type Fault, FaultError } from './kernel/fault.ts'
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

/** Which doors a process opens: the gateway's HTTP, the SSH bastion, or both. */
export type Role = 'gateway' | 'bastion' | 'all'

export interface Gateway {
  /** Of the HTTP door, or of the bastion where it is the only one. */
  readonly url: string
  /** Undefined where this process is none. */
  readonly bastion: Bastion | undefined
  /** Finishes running calls within the grace, flushes the audit log, and closes everything. */
  stop(): Promise<void>
}

const STOP_GRACE_MS = 8_000

/**
 * Puts the gateway together and starts it.
 * @throws FaultError when keys, database, log or policy do not permit a start; nothing is left running then
 */
export function startGateway(config: Config, io: AppIo, role: Role = 'all'): Promise<Gateway> {
  return started(io.log, (undo) => compose(config, io, role, undo))
}

/** The generations of the sealed-box key, to be changed beside running gateways or without any. @throws FaultError */
export function openKeys(config: Config, log: Log): Promise<{ readonly keys: KeyRotation; stop(): Promise<void> }> {
  return started(log, async (undo) => {
    const { knex, authority: clock } = await openStore(config, log, undo)
    return { keys: new KeyRotation({ knex, clock, keyFile: config.secrets.keyFile }) }
  })
}

async function compose(config: Config, io: AppIo, role: Role, undo: Undo): Promise<Omit<Gateway, 'stop'>> {
  const core = await openCore(config, io, undo)
  const { log, stores, authority, keepVaultToken, followPolicy } = core
  const bastion = role === 'gateway' ? undefined : await openBastion(config, role, { ...core, clock: authority }, undo)
  const { live, replica } = await joinReplicas(core, bastion?.live, undo)
  const everywhere = replicaJobs({ stores, clock: authority, replica, followPolicy, keepVaultToken })
  if (role !== 'bastion') return { url: await openGateway(config, io, { ...core, live, everywhere }, undo), bastion }
  const schedule = startSchedule(everywhere, log)
  undo.push(() => schedule.stop())
  return { url: `ssh://${config.bastion.host}:${bastion?.place.port}`, bastion }
}

/** What both doors stand on. */
async function openCore(config: Config, io: AppIo, undo: Undo) {
  const { log } = io
  const store = await openStore(config, log, undo)
  const { knex, authority, history, approvalWatch } = store
  const record = await openRecord(config, io.auditLine, store, log, undo)
  const adminKeyHash = await bootstrapKeyHash(knex, {
    configured: config.bootstrap.adminKey,
    now: new Date(authority.now()),
    show: io.adminKey,
  })
  authority.start()
  undo.push(async () => authority.stop())
  const { auditLog } = record
  const now = (): Date => new Date(authority.now())
  const inTransaction = createInTransaction({ transact: (body) => transaction(knex, body), auditLog, now })
  const stores = bindStores(knex)
  const policies = await openPolicy(config, { ...store, stores, inTransaction }, log, undo)
  const metrics = createMetrics({
    auditQueueLength: () => auditLog.queueLength,
    poolConnections: store.connections,
    activeSessions: () => stores.sessions.countActive(),
  })
  const secrets = await openSecrets(config, store, metrics.vault, log, undo)
  const faultOf = (error: unknown): Fault => (error instanceof FaultError ? error.fault : databaseFault(error))
  const opened = { log, knex, authority, history, approvalWatch, adminKeyHash, inTransaction, stores, metrics, faultOf }
  return { ...opened, ...record, ...policies, ...secrets }
}

type Core = Awaited<ReturnType<typeof openCore>>

/** The HTTP door, and what goes on behind it. @returns its URL */
async function openGateway(
  config: Config,
  { version }: AppIo,
  core: Core & { readonly live: LiveWork; readonly everywhere: readonly Job[] },
  undo: Undo,
): Promise<string> {
  const { log, knex, authority, stores, inTransaction, audit, approvalWatch } = core
  const { ordering, jobs: certificates } = await openCertificates(config, core, log, undo)
  const probing = openProber(config, authority, stores)
  const activity = new SessionActivity({ sessions: stores.sessions, tokens: stores.tokens, clock: authority })
  undo.push(() => activity.flush())
  const callRate = new CallRate(config.limits, { store: new CallCountStore(knex), clock: authority })
  const http = createTransport({
    ...core,
    config,
    version,
    activity,
    callRate,
    commandRunner: new BastionRunner(),
    ordering,
    ...probing,
    verifyLauncher: config.launcher.oidc && (await openLauncherVerifier(config.launcher.oidc, authority)),
    pingDatabase: () => knex.raw('SELECT 1'),
  })
  const [{ idleSeconds }, { inputDays }, { checkpointer }] = [config.sessions, config.policy, audit]
  const working = {
    knex,
    inTransaction,
    clock: authority,
    checkpointer,
    activity,
    callRate,
    stores,
    certificates,
    recordingsDir: config.recordings.dir,
    ...probing,
  }
  const schedule = startSchedule([...gatewayJobs({ ...working, idleSeconds, inputDays }), ...core.everywhere], log)
  undo.push(() => schedule.stop())
  const { url } = await http.listen()
  undo.push(() => http.stop(STOP_GRACE_MS))
  // First of all: nobody waits for people while the gateway stops.
  undo.push(async () => approvalWatch.close())
  return url
}
