import type { Author } from '../../domain/audit/author.ts'
import { fingerprintOf } from '../../domain/ssh/fingerprint.ts'
import { type GrantRequest, grantSshSession } from '../../domain/ssh/grant-ssh-session.ts'
import { loginOf } from '../../domain/ssh/login.ts'
import type { SshGrant } from '../../domain/ssh/ssh-session.schema.ts'
import type { Stores } from '../../domain/stores.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Obligation } from '../../policy/decision.schema.ts'

export interface GrantDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly stores: Pick<Stores, 'bastions'>
}

/**
 * Grants an SSH session that the policy has allowed, for agents and people alike.
 * @returns what opens it; BASTION_UNAVAILABLE when there is none to open it at; or the faults of the grant
 */
export async function grant(deps: GrantDeps, by: Author, request: GrantRequest): Promise<Result<SshGrant, Fault>> {
  const [bastion] = await deps.stores.bastions.inService()
  if (bastion === undefined) return err(fault('BASTION_UNAVAILABLE'))
  const granted = await grantSshSession(deps, by, request)
  if (!granted.ok) return granted
  const { session, ticket } = granted.value
  return ok({
    sessionId: session.id,
    expiresAt: session.expiresAt.toISOString(),
    command: `ssh -p ${bastion.port} ${loginOf(session.id)}@${bastion.publicAddress}`,
    ticket: ticket.expose(),
    hostKeyFingerprint: fingerprintOf(bastion.hostKey),
    recorded: true,
  })
}

/** The longest that a decision lets a session last; undefined where it sets no limit. */
export function ttlSecondsMax(obligations: readonly Pick<Obligation, 'type' | 'properties'>[]): number | undefined {
  const limits = obligations
    .filter(({ type }) => type === 'max_ttl_seconds')
    .map(({ properties }) => Number(properties['seconds']))
  return limits.length === 0 ? undefined : Math.min(...limits)
}
