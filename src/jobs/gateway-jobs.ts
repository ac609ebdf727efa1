import type { Knex } from 'knex'
import { expireApprovals } from '../domain/approvals/expire-approvals.ts'
import { type Checkpointer, checkpointIntervalMs } from '../domain/audit/checkpointer.ts'
import { IdempotencyStore } from '../domain/idempotency/idempotency-store.ts'
import { pruneProbes, runDueProbes } from '../domain/probes/run-due-probes.ts'
import type { Prober } from '../domain/probes/prober.ts'
import type { CertificateNames } from '../domain/probes/run-probe.ts'
import { endIdleSessions } from '../domain/sessions/end-idle-sessions.ts'
import type { SessionActivity } from '../domain/sessions/session-activity.ts'
import { CallCountStore } from '../domain/tokens/call-count-store.ts'
import { expireSshSessions } from '../domain/ssh/expire-ssh-sessions.ts'
import { sealLeftRecordings } from '../domain/ssh/seal-left-recordings.ts'
import { expireTokens } from '../domain/tokens/expire-tokens.ts'
import type { Stores } from '../domain/stores.ts'
import type { InTransaction } from '../domain/work.ts'
import type { CallRate } from '../gateway/call-rate.ts'
import { finishKills, killTimes, saySeen } from '../gateway/kill/kill-switch.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Fault, must } from '../kernel/fault.ts'
import type { Result } from '../kernel/result.ts'
import { pruneDecisions } from './prune-decisions.ts'
import type { Job } from './schedule.ts'

const ACTIVITY_MS = 1_000
const CALL_COUNTS_MS = 1_000
const EXPIRY_MS = 2_000
const FORGET_COUNTS_MS = 60_000
const FOLLOW_POLICY_MS = 500
const PROBES_MS = 1_000
const PRUNE_MS = 3_600_000
const VAULT_TOKEN_MS = 2_000
const ORDERS_MS = 1_000
const RENEWAL_MS = 2_000

export interface GatewayJobDeps {
  readonly knex: Knex
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly checkpointer: Checkpointer
  readonly activity: SessionActivity
  readonly callRate: CallRate
  readonly idleSeconds: number
  readonly stores: Stores
  readonly prober: Prober
  readonly certificateNames: CertificateNames
  readonly inputDays: number
  readonly recordingsDir: string
  readonly certificates: { checkRenewals(): Promise<void>; renew(): Promise<void>; resume(): Promise<void> }
}

/** The whole table: what the gateway does again and again, and how often. */
export function gatewayJobs(deps: GatewayJobDeps): readonly Job[] {
  return [
    { name: 'checkpoint', everyMs: checkpointIntervalMs, run: done(() => deps.checkpointer.checkpoint()) },
    { name: 'session-activity', everyMs: ACTIVITY_MS, run: () => deps.activity.flush() },
    { name: 'exchange-call-counts', everyMs: CALL_COUNTS_MS, run: () => deps.callRate.exchange() },
    { name: 'forget-call-counts', everyMs: FORGET_COUNTS_MS, run: () => new CallCountStore(deps.knex).forgetEnded() },
    { name: 'expire-tokens', everyMs: EXPIRY_MS, run: done(() => expireTokens(deps)) },
    { name: 'expire-approvals', everyMs: EXPIRY_MS, run: done(() => expireApprovals(deps)) },
    { name: 'expire-ssh-sessions', everyMs: EXPIRY_MS, run: done(() => expireSshSessions(deps)) },
    { name: 'seal-left-recordings', everyMs: EXPIRY_MS, run: done(() => sealLeftRecordings(deps)) },
    { name: 'end-idle-sessions', everyMs: EXPIRY_MS, run: done(() => endIdleSessions(deps, deps.idleSeconds)) },
    {
      name: 'prune-decisions',
      everyMs: PRUNE_MS,
      run: () => pruneDecisions(deps.knex, deps.inputDays, deps.clock.now()),
    },
    { name: 'forget-idempotency-keys', everyMs: PRUNE_MS, run: () => new IdempotencyStore(deps.knex).forgetOld() },
    { name: 'run-due-probes', everyMs: PROBES_MS, run: () => runDueProbes(deps) },
    { name: 'prune-probes', everyMs: PRUNE_MS, run: () => pruneProbes(deps) },
    { name: 'finish-kills', everyMs: EXPIRY_MS, run: () => finishKills(deps) },
    { name: 'resume-certificate-orders', everyMs: ORDERS_MS, run: () => deps.certificates.resume() },
    { name: 'check-renewals', everyMs: RENEWAL_MS, run: () => deps.certificates.checkRenewals() },
    { name: 'renew-certificates', everyMs: RENEWAL_MS, run: () => deps.certificates.renew() },
  ]
}

/** What every process does, whichever doors it opens. */
export function replicaJobs(deps: {
  readonly stores: Stores
  readonly clock: Clock
  /** The id of this process. */
  readonly replica: string
  /** Serves the policy that another replica activated. */
  readonly followPolicy: () => Promise<unknown>
  /** Undefined without Vault. */
  readonly keepVaultToken: (() => Promise<void>) | undefined
}): readonly Job[] {
  const { keepVaultToken } = deps
  return [
    { name: 'say-seen', everyMs: killTimes.seenEveryMs, run: () => saySeen(deps, deps.replica) },
    { name: 'follow-policy', everyMs: FOLLOW_POLICY_MS, run: deps.followPolicy },
    ...(keepVaultToken === undefined
      ? []
      : [{ name: 'keep-vault-token', everyMs: VAULT_TOKEN_MS, run: keepVaultToken }]),
  ]
}

/** A job that is refused has failed. */
function done(run: () => Promise<Result<unknown, Fault>>): () => Promise<void> {
  return async () => void must(await run())
}
