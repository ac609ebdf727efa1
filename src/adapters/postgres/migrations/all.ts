import type { Knex } from 'knex'
import * as registry from './0001-registry.ts'
import * as auditLog from './0002-audit-log.ts'
import * as installation from './0003-installation.ts'
import * as tokenChains from './0004-token-chains.ts'
import * as secretSource from './0005-secret-source.ts'
import * as sessionLimit from './0010-session-limit.ts'
import * as idempotencyKeys from './0012-idempotency-keys.ts'
import * as verifiedLauncher from './0013-verified-launcher.ts'
import * as sealingKeys from './0015-sealing-keys.ts'
import * as callCounts from './0016-call-counts.ts'
import * as approvalVotes from './0018-approval-votes.ts'
import * as killSwitch from './0021-kill-switch.ts'
import * as sshSessions from './0019-ssh-sessions.ts'
import * as bastions from './0020-bastions.ts'
import * as policyBundles from './0017-policy-bundles.ts'
import * as certificates from './0022-certificates.ts'
import * as probes from './0023-probes.ts'
import * as sshKillReceipts from './0024-ssh-kill-receipts.ts'
import * as renewalChecks from './0025-renewal-checks.ts'
import * as leanerAppend from './0029-leaner-append.ts'
import * as decidedApprovals from './0030-decided-approvals.ts'

/** One step of the schema. Names never change once released, and carry no file extension, so a build cannot rename them. */
export interface Migration {
  readonly name: string
  up(knex: Knex): Promise<void>
  down(knex: Knex): Promise<void>
}

export const migrations: readonly Migration[] = [
  { name: '0001-registry', ...registry },
  { name: '0002-audit-log', ...auditLog },
  { name: '0003-installation', ...installation },
  { name: '0004-token-chains', ...tokenChains },
  { name: '0005-secret-source', ...secretSource },
  { name: '0010-session-limit', ...sessionLimit },
  { name: '0012-idempotency-keys', ...idempotencyKeys },
  { name: '0013-verified-launcher', ...verifiedLauncher },
  { name: '0015-sealing-keys', ...sealingKeys },
  { name: '0016-call-counts', ...callCounts },
  { name: '0018-approval-votes', ...approvalVotes },
  { name: '0021-kill-switch', ...killSwitch },
  { name: '0019-ssh-sessions', ...sshSessions },
  { name: '0020-bastions', ...bastions },
  { name: '0017-policy-bundles', ...policyBundles },
  { name: '0022-certificates', ...certificates },
  { name: '0023-probes', ...probes },
  { name: '0024-ssh-kill-receipts', ...sshKillReceipts },
  { name: '0025-renewal-checks', ...renewalChecks },
  { name: '0029-leaner-append', ...leanerAppend },
  { name: '0030-decided-approvals', ...decidedApprovals },
]
