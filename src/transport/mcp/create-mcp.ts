import type { ApprovalWatch } from '../../domain/approvals/approval-watch.ts'
import type { AuditLog } from '../../domain/audit/audit-log.ts'
import { systemAuthor } from '../../domain/audit/author.ts'
import type { AuthorityWatch } from '../../domain/revocation/authority-watch.ts'
import type { CertificateOrders } from '../../domain/certificates/certificate-orders.ts'
import type { OpenOrderDeps } from '../../domain/certificates/open-order.ts'
import type { SecretRecord, SecretVersion } from '../../domain/secrets/secret.ts'
import type { SecretSource } from '../../domain/secrets/secret-source.ts'
import type { Session } from '../../domain/sessions/session.ts'
import type { SessionActivity } from '../../domain/sessions/session-activity.ts'
import type { VerifyLauncher } from '../../domain/sessions/launcher.ts'
import type { CommandRunner } from '../../domain/ssh/command-runner.ts'
import type { CertificateNames } from '../../domain/probes/run-probe.ts'
import type { Prober } from '../../domain/probes/prober.ts'
import type { Stores } from '../../domain/stores.ts'
import { revokeReused } from '../../domain/tokens/rotate-token.ts'
import type { TokenStanding } from '../../domain/tokens/token-standing.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { QuestionDeps } from '../../gateway/agent-question.ts'
import type { AuthFailures } from '../../gateway/auth-failures.ts'
import type { CallMeter } from '../../gateway/call-meter.ts'
import type { CallRate } from '../../gateway/call-rate.ts'
import { createDirectory } from '../../gateway/directory.ts'
import { createGuard, type Guard } from '../../gateway/guard.ts'
import { createIdentifyProbe } from '../../gateway/identify-probe.ts'
import { createActionsOn } from '../../gateway/listing.ts'
import type { LiveWork } from '../../gateway/live-work.ts'
import { createSuspendByPolicy } from '../../gateway/obligations/suspend-agent.ts'
import { ReleasedValues } from '../../gateway/released-values.ts'
import { type Catalog, createCatalog } from '../../gateway/tools/catalog.ts'
import { type Fault, must } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import type { Result } from '../../kernel/result.ts'
import { Turns } from '../../kernel/turns.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'
import type { AuthenticateDeps } from './caller.ts'
import { createMcpEndpoint, type McpEndpoint } from './endpoint.ts'
import { createHandler } from './handler.ts'
import { createFindLauncher } from './launcher.ts'
import { createRotation, rotationPath } from './rotation.ts'

export interface McpDeps extends Omit<QuestionDeps, 'clock'> {
  readonly authority: AuthorityWatch
  readonly auditLog: AuditLog
  readonly authFailures: AuthFailures
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly policy: PolicyEngine
  readonly source: SecretSource
  readonly ordering: OpenOrderDeps & { readonly running: CertificateOrders }
  readonly prober: Prober
  readonly certificateNames: CertificateNames
  readonly activity: SessionActivity
  readonly callRate: CallRate
  readonly approvalWatch: ApprovalWatch
  readonly commandRunner: CommandRunner
  readonly meter: CallMeter
  readonly live: LiveWork
  readonly log: Log
  readonly faultOf: (error: unknown) => Fault
  /** Undefined where no issuer of launcher tokens is configured. */
  readonly verifyLauncher: VerifyLauncher | undefined
  readonly publicUrl: () => string
  readonly version: string
  readonly settings: {
    readonly denials: 'explain' | 'opaque'
    readonly approvalDecideSeconds: number
    readonly approvalUseSeconds: number
    readonly approvalHoldSeconds: number
  }
}

export interface Mcp {
  readonly endpoint: McpEndpoint
  readonly catalog: Catalog
}

/** Puts the agents' side together: guard, tools and endpoint. What is looked up often is remembered while no right changes. */
export function createMcp(deps: McpDeps): Mcp {
  const { authority, auditLog, stores, inTransaction, policy, settings } = deps
  const versions = authority.cache<SecretVersion | undefined>()
  const released = new ReleasedValues()
  authority.onSessionEnd((sessionId) => released.forget(sessionId))
  const question = { history: deps.history, clock: authority, timeZone: deps.timeZone, hmacKey: deps.hmacKey }
  const guard = createGuard({
    ...question,
    policy,
    auditLog,
    inTransaction,
    authority,
    standingOf: (tokenId, sessionId) => stores.tokens.standingOf(tokenId, sessionId),
    directory: createDirectory(authority.cache<SecretRecord | undefined>(), {
      secret: (name) => stores.secrets.findByName(name),
      host: (name) => stores.hosts.find(name),
      sshSession: (id) => stores.sshSessions.find(id),
      certificates: stores.certificates,
      groups: stores.groups,
    }),
    identifyProbe: createIdentifyProbe(deps),
    released,
    live: deps.live,
    suspendByPolicy: createSuspendByPolicy({ inTransaction }),
    ...settings,
    approvals: stores.approvals,
    people: stores.people,
    approvalWatch: deps.approvalWatch,
    meter: deps.meter,
    log: deps.log,
    faultOf: deps.faultOf,
  })
  const catalog = createCatalog({
    actionsOn: createActionsOn({ ...question, policy }),
    secrets: {
      findVersion: (id, version) => versions.get(`${id}:${version}`, () => stores.secrets.findVersion(id, version)),
      listReachable: (filter, page) => stores.secrets.listReachable(filter, page),
    },
    hosts: stores.hosts,
    approvals: stores.approvals,
    inTransaction,
    approvalWatch: deps.approvalWatch,
    approvalDecideSeconds: settings.approvalDecideSeconds,
    approvalUseSeconds: settings.approvalUseSeconds,
    propose: (...question) => guard.propose(...question),
    ssh: { inTransaction, clock: authority, stores, runner: deps.commandRunner, released },
    certificates: stores.certificates,
    probes: stores.probes,
    groups: stores.groups,
    ordering: deps.ordering,
    source: deps.source,
    prober: deps.prober,
    certificateNames: deps.certificateNames,
    auditLog,
    clock: authority,
  })
  return { endpoint: createEndpoint(deps, guard, catalog), catalog }
}

/** The paths that take MCP tokens. */
function createEndpoint(deps: McpDeps, guard: Guard, { tools }: Catalog): McpEndpoint {
  const { authority, inTransaction, publicUrl } = deps
  const shared = { ...createAuthentication(deps), inTransaction, clock: authority, publicUrl, callRate: deps.callRate }
  const rotate = createRotation(shared)
  const endpoint = createMcpEndpoint({
    ...shared,
    namedSessions: authority.cache<Session | undefined>(),
    statelessSessions: authority.cache<Result<Session, Fault>>(),
    sessionTurns: new Turns(),
    findLauncher: createFindLauncher(deps.verifyLauncher, authority),
    sessions: deps.stores.sessions,
    activity: deps.activity,
    meter: deps.meter,
    handle: createHandler({
      guard,
      catalog: tools,
      serverInfo: { name: 'certlocker', title: 'CertLocker MCP', version: deps.version },
      log: deps.log,
    }),
  })
  return (ctx, request) => (ctx.path === rotationPath ? rotate(ctx, request) : endpoint(ctx, request))
}

/** What turns a bearer into a caller, the same for every path that takes MCP tokens. */
function createAuthentication({ authority, authFailures, stores, inTransaction }: McpDeps): AuthenticateDeps {
  return {
    authority,
    authFailures,
    standings: authority.cache<TokenStanding | undefined>(),
    findStanding: (hash) => stores.tokens.findStanding(hash),
    firstUses: authority.cache<boolean>(),
    markUsed: (tokenId) => stores.tokens.markUsed(tokenId, new Date(authority.now())),
    revokeReused: async (tokenId, { id: requestId, traceparent, clientIp }) => {
      const client = { ip: clientIp, name: '', version: '' }
      const by = { ...systemAuthor('revoke-reused-token'), requestId, traceparent, client }
      return must(await revokeReused({ inTransaction, clock: authority }, by, tokenId))
    },
  }
}
