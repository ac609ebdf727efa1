import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMetrics } from './adapters/metrics/metrics.ts'
import type { DatabaseAddress } from './adapters/postgres/connection-settings.ts'
import { databaseFault } from './adapters/postgres/database-fault.ts'
import { startEmbeddedCluster } from './adapters/postgres/embedded-cluster.ts'
import { migrateUp } from './adapters/postgres/migrate.ts'
import { openConnection } from './adapters/postgres/open-connection.ts'
import { openDatabase } from './adapters/postgres/pool.ts'
import { transaction } from './adapters/postgres/transaction.ts'
import { loadSealedBoxKey } from './adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from './adapters/sealed-box/sealed-box-source.ts'
import type { Config } from './config/config.schema.ts'
import { systemAuthor } from './domain/audit/author.ts'
import { auditLines } from './domain/audit/log-line.ts'
import { openAudit } from './domain/audit/open-audit.ts'
import { PostgresAuditLog } from './domain/audit/postgres-audit-log.ts'
import { CallHistory } from './domain/history/call-history.ts'
import { HistoryStore } from './domain/history/history-store.ts'
import { bootstrapKey } from './domain/people/bootstrap-key.ts'
import { AuthorityStore } from './domain/revocation/authority-store.ts'
import { AuthorityWatch } from './domain/revocation/authority-watch.ts'
import { SessionActivity } from './domain/sessions/session-activity.ts'
import { bindStores } from './domain/stores.ts'
import { createInTransaction } from './domain/work.ts'
import { createAct } from './gateway/act.ts'
import { gatewayJobs } from './jobs/gateway-jobs.ts'
import { startSchedule } from './jobs/schedule.ts'
import { type Fault, FaultError, fault } from './kernel/fault.ts'
import type { Log } from './kernel/log.ts'
import { err, type Result } from './kernel/result.ts'
import type { Secret } from './kernel/secret.ts'
import { readBundle } from './policy/bundle.ts'
import type { PolicyVersion } from './policy/policy-engine.ts'
import { type ActivatablePolicyEngine, createPolicyEngine } from './policy/wasm-policy-engine.ts'
import { createReadiness } from './transport/http/health.ts'
import { createHttpServer } from './transport/http/server.ts'
import { createMcp } from './transport/mcp/create-mcp.ts'
import { createRest } from './transport/rest/rest.ts'

/** What the process around the gateway gives it. */
export interface AppIo {
  readonly log: Log
  /** Takes one audit line, without its newline. */
  readonly auditLine: (line: string) => void
  readonly version: string
}

export interface Gateway {
  readonly url: string
  /** The admin key that this very start generated: shown once, then only its hash is left. */
  readonly generatedAdminKey: Secret<string> | undefined
  /** Finishes running calls within the grace, flushes the audit log, and closes everything. */
  stop(): Promise<void>
}

/** What was started, to be stopped in the opposite order. */
type Undo = (() => Promise<void>)[]

const POOL_CONNECTIONS_MAX = 10
const STOP_GRACE_MS = 8_000
const shippedBundle = new URL('../bundles/certlocker.tar.gz', import.meta.url)

/**
 * Puts the gateway together and starts it.
 * @throws FaultError when keys, database, log or policy do not permit a start; nothing is left running then
 */
export async function startGateway(config: Config, io: AppIo): Promise<Gateway> {
  const undo: Undo = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse())
      await step().catch((error: unknown) => io.log.error('stopping failed', { error }))
  }
  try {
    return { ...(await compose(config, io, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function compose(config: Config, { log, auditLine, version }: AppIo, undo: Undo): Promise<Omit<Gateway, 'stop'>> {
  const address = await databaseAddress(config, log, undo)
  const { knex, close } = openDatabase({
    ...address,
    poolMax: POOL_CONNECTIONS_MAX,
    applicationName: 'certlocker',
    log,
  })
  undo.push(close)
  await migrateUp(knex)
  const stores = bindStores(knex)
  const metrics = createMetrics()
  const faultOf = (error: unknown): Fault => (error instanceof FaultError ? error.fault : databaseFault(error))

  const history = new CallHistory(new HistoryStore(knex))
  const authorityStore = new AuthorityStore(knex)
  const authority = new AuthorityWatch({
    read: () => authorityStore.read(),
    polled: (size) => history.follow(size),
    failed: (error) => log.warn('the authority epoch cannot be read', { error }),
    monotonicMs: () => performance.now(),
  })
  await authority.fresh()
  const auditLog = new PostgresAuditLog({
    knex,
    openConnection: () => openConnection({ ...address, applicationName: 'certlocker-audit' }),
    clock: authority,
    observers: [
      {
        appended: (events) => {
          for (const event of events) history.record(event)
        },
        authority: (epoch, nowMs) => authority.observe(epoch, nowMs),
      },
      auditLines(auditLine),
    ],
  })
  undo.push(() => auditLog.close())
  const audit = must(
    await openAudit({
      knex,
      clock: authority,
      auditLog,
      keyFile: config.audit.keyFile,
      directory: join(config.dataDir, 'audit'),
      acceptTruncated: config.audit.acceptTruncated,
    }),
  )
  undo.push(async () => void must(await audit.checkpointer.checkpoint()))

  const boxKey = must(await loadSealedBoxKey({ knex, clock: authority, keyFile: config.secrets.keyFile }))
  const source = new SealedBoxSource({ knex, key: boxKey, clock: authority })
  const hmacKey = boxKey.deriveKey('certlocker.sensitive-arguments/v1')
  const admin = await bootstrapKey(knex, config.bootstrap.adminKey, new Date(authority.now()))
  const policy = createPolicyEngine()
  const active = must(await activateShipped(policy))
  await auditLog.append([
    {
      event: {
        type: 'POLICY_BUNDLE_ACTIVATED',
        actor: systemAuthor('start').actor,
        outcome: 'ok',
        policy: { revision: active.revision, digest: active.digest },
        details: { sequence: active.sequence, source: 'shipped' },
      },
    },
  ])

  authority.start()
  undo.push(async () => authority.stop())
  const inTransaction = createInTransaction({
    transact: (body) => transaction(knex, body),
    auditLog,
    now: () => new Date(authority.now()),
  })
  const activity = new SessionActivity({ sessions: stores.sessions, tokens: stores.tokens, clock: authority })
  undo.push(() => activity.flush())
  const groupNames = authority.cache<readonly string[]>()
  const act = createAct({
    policy,
    auditLog,
    clock: authority,
    timeZone: config.policy.timeZone,
    groupNames: () => groupNames.get('', () => stores.groups.names()),
  })

  let url = ''
  const publicUrl = (): string => config.http.publicUrl ?? url
  const rest = createRest({
    act,
    stores,
    inTransaction,
    clock: authority,
    policy,
    mcpUrl: () => `${publicUrl()}/rest/mcp`,
    hmacKey,
    source,
    audit,
    auditLog,
    adminKeyHash: admin.hash,
    version,
  })
  const http = createHttpServer({
    settings: config.http,
    log,
    faultOf,
    meter: metrics.http,
    metrics: metrics.exposition,
    authenticate: rest.authenticate,
    readiness: createReadiness(
      {
        database: async () => ({ ok: (await authorityStore.read()).epoch >= 0, detail: 'answers' }),
        policy: async () => ({
          ok: policy.active() !== undefined,
          detail: policy.active()?.revision ?? 'no policy is active',
        }),
        secrets: () => source.check(),
        revocation: () => authority.check(),
        audit: async () => ({
          ok: (await auditLog.head()).size >= auditLog.committedSize,
          detail: `${auditLog.committedSize} events`,
        }),
      },
      log,
    ),
    rest: rest.middleware,
    mcp: createMcp({
      authority,
      auditLog,
      stores,
      inTransaction,
      policy,
      source,
      activity,
      history,
      hmacKey,
      log,
      faultOf,
      publicUrl,
      version,
      timeZone: config.policy.timeZone,
      meter: metrics.calls,
      settings: {
        denials: config.denials,
        callsPerMinute: config.limits.callsPerMinute,
        approvalDecideSeconds: config.approvals.decideSeconds,
      },
    }),
  })
  const jobs = gatewayJobs({
    knex,
    inTransaction,
    clock: authority,
    checkpointer: audit.checkpointer,
    activity,
    idleSeconds: config.sessions.idleSeconds,
    inputDays: config.policy.inputDays,
  })
  const schedule = startSchedule(jobs, log)
  undo.push(() => schedule.stop())
  url = (await http.listen()).url
  undo.push(() => http.stop(STOP_GRACE_MS))
  return { url, generatedAdminKey: admin.generated }
}

async function databaseAddress(config: Config, log: Log, undo: Undo): Promise<DatabaseAddress> {
  if (config.database.url !== undefined) return { url: config.database.url }
  const cluster = await startEmbeddedCluster({ directory: join(config.dataDir, 'postgres'), log })
  undo.push(() => cluster.stop())
  return { connection: cluster.connection }
}

async function activateShipped(policy: ActivatablePolicyEngine): Promise<Result<PolicyVersion, Fault>> {
  const bundle = readBundle(await readFile(shippedBundle))
  const activated = bundle.ok ? policy.activate(bundle.value) : bundle
  return activated.ok ? activated : err(fault('GATEWAY_POLICY_UNAVAILABLE', { detail: activated.error.detail }))
}

/** A start that is refused ends by an exception, which the process turns into its exit code. */
function must<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value
  throw new FaultError(result.error)
}
