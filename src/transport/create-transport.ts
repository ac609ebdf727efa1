import type { Config } from '../config/config.schema.ts'
import type { ApprovalWatch } from '../domain/approvals/approval-watch.ts'
import type { Audit } from '../domain/audit/open-audit.ts'
import type { PostgresAuditLog } from '../domain/audit/postgres-audit-log.ts'
import type { CallHistory } from '../domain/history/call-history.ts'
import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { CertificateOrders } from '../domain/certificates/certificate-orders.ts'
import type { OpenOrderDeps } from '../domain/certificates/open-order.ts'
import type { Prober } from '../domain/probes/prober.ts'
import type { CertificateNames } from '../domain/probes/run-probe.ts'
import type { SecretSource } from '../domain/secrets/secret-source.ts'
import type { SessionActivity } from '../domain/sessions/session-activity.ts'
import type { VerifyLauncher } from '../domain/sessions/launcher.ts'
import type { CommandRunner } from '../domain/ssh/command-runner.ts'
import type { SshSigner } from '../domain/ssh/ssh-signer.ts'
import type { Stores } from '../domain/stores.ts'
import type { InTransaction } from '../domain/work.ts'
import { createSimulation } from '../gateway/access/simulation.ts'
import { createAct } from '../gateway/act.ts'
import { AuthFailures } from '../gateway/auth-failures.ts'
import type { PolicyBundles } from '../gateway/bundles/policy-bundles.ts'
import type { PolicyQuestions } from '../gateway/bundles/policy-questions.ts'
import type { CallMeter } from '../gateway/call-meter.ts'
import type { CallRate } from '../gateway/call-rate.ts'
import type { LiveWork } from '../gateway/live-work.ts'
import type { Fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import type { PolicyEngine } from '../policy/policy-engine.ts'
import { createReadiness } from './http/health.ts'
import type { HttpServerDeps } from './http/server.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { createMcp } from './mcp/create-mcp.ts'
import { createRest } from './rest/rest.ts'

/** The gateway as its doors need it. */
export interface Core {
  readonly config: Config
  readonly version: string
  readonly log: Log
  readonly faultOf: (error: unknown) => Fault
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly authority: AuthorityWatch
  readonly auditLog: PostgresAuditLog
  readonly audit: Audit
  readonly history: CallHistory
  readonly live: LiveWork
  readonly activity: SessionActivity
  readonly callRate: CallRate
  readonly approvalWatch: ApprovalWatch
  readonly policy: PolicyEngine
  readonly bundles: PolicyBundles
  readonly policyQuestions: PolicyQuestions
  readonly source: SecretSource
  readonly signer: SshSigner
  readonly commandRunner: CommandRunner
  readonly ordering: OpenOrderDeps & { readonly running: CertificateOrders }
  readonly prober: Prober
  readonly certificateNames: CertificateNames
  readonly hmacKey: Buffer
  readonly verifyLauncher: VerifyLauncher | undefined
  readonly adminKeyHash: Buffer
  readonly metrics: {
    readonly calls: CallMeter
    readonly http: HttpServerDeps['meter']
    readonly exposition: HttpServerDeps['metrics']
  }
  /** Rejects when the database gives no answer. */
  readonly pingDatabase: () => Promise<unknown>
}

/** Puts the doors together: REST for people and pipelines, MCP for agents, on one HTTP server. */
export function createTransport(core: Core): HttpServer {
  const { config, policy, auditLog, authority, log, stores } = core
  const { timeZone } = config.policy
  const groupNames = authority.cache<readonly string[]>()
  const operators = {
    policy,
    clock: authority,
    timeZone,
    groupNames: () => groupNames.get('', () => stores.groups.names()),
  }
  const act = createAct({ ...operators, auditLog })
  let listeningAt = ''
  const publicUrl = (): string => config.http.publicUrl ?? listeningAt
  const authFailures = new AuthFailures({ auditLog, clock: authority })
  const mcp = createMcp({
    ...core,
    authFailures,
    timeZone,
    publicUrl,
    meter: core.metrics.calls,
    settings: {
      denials: config.denials,
      approvalDecideSeconds: config.approvals.decideSeconds,
      approvalUseSeconds: config.approvals.useSeconds,
      approvalHoldSeconds: config.approvals.holdSeconds,
    },
  })
  const rest = createRest({
    ...core,
    recordingsDir: config.recordings.dir,
    authFailures,
    act,
    clock: authority,
    approvalUseSeconds: config.approvals.useSeconds,
    mcpUrl: () => `${publicUrl()}/rest/mcp`,
    catalog: mcp.catalog,
    simulation: createSimulation({ ...core, ...operators }),
  })
  const server = createHttpServer({
    settings: config.http,
    log,
    faultOf: core.faultOf,
    meter: core.metrics.http,
    metrics: core.metrics.exposition,
    authenticate: rest.authenticate,
    readiness: createReadiness(readinessChecks(core), log),
    rest: rest.middleware,
    mcp: mcp.endpoint,
  })
  return {
    ...server,
    async listen() {
      const address = await server.listen()
      listeningAt = address.url
      return address
    },
  }
}

function readinessChecks({
  policy,
  source,
  authority,
  auditLog,
  pingDatabase,
}: Core): Parameters<typeof createReadiness>[0] {
  return {
    database: async () => {
      await pingDatabase()
      return { ok: true, detail: 'answers' }
    },
    policy: async () => ({
      ok: policy.active() !== undefined,
      detail: policy.active()?.revision ?? 'no policy is active',
    }),
    secrets: () => source.check(),
    revocation: () => authority.check(),
    audit: async () => {
      const { size } = await auditLog.head()
      return { ok: size >= auditLog.committedSize, detail: `${size} events` }
    },
  }
}
