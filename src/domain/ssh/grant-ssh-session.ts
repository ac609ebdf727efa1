import { mintBearer } from '../../kernel/bearer.ts'
import { plainText } from '../../kernel/bounded-text.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Author } from '../audit/author.ts'
import type { Host } from '../hosts/host.ts'
import type { InTransaction } from '../work.ts'
import { type RequestSshSession, sshTtlSecondsDefault } from './ssh-session.schema.ts'
import type { SshHolder, SshSession } from './ssh-session.ts'
import { sshSessionEntry } from './ssh-session-events.ts'

/** How soon a ticket has to be used for the first and only time. */
const ticketUseSeconds = 60
/** Sessions that one holder may have open at once. */
const openSshSessionsMax = 20

export interface GrantRequest extends Pick<RequestSshSession, 'principal' | 'mode' | 'ttlSeconds' | 'reason'> {
  readonly host: Host
  readonly holder: SshHolder
  readonly agent: SshSession['agent']
  readonly client: SshSession['client']
  /** The longest that the policy permits; undefined where it sets no limit. */
  readonly ttlSecondsMax: number | undefined
}

export interface GrantedSsh {
  readonly session: SshSession
  /** Shown once. */
  readonly ticket: Secret<string>
}

/**
 * Grants a session to a holder whom the policy has allowed it, with a ticket for the address that it was asked for from.
 * @returns GATEWAY_RESOURCE_CHANGED when the host does not offer it any more, SSH_SESSION_LIMIT when too many are open
 */
export async function grantSshSession(
  { inTransaction, clock }: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: GrantRequest,
): Promise<Result<GrantedSsh, Fault>> {
  const { host } = request
  const principal = request.principal ?? host.principals[0] ?? ''
  const mode = request.mode ?? host.modes[0] ?? 'exec'
  if (!host.principals.includes(principal) || !host.modes.includes(mode)) return err(fault('GATEWAY_RESOURCE_CHANGED'))
  const nowMs = clock.now()
  const ttlSeconds = Math.min(request.ttlSeconds ?? sshTtlSecondsDefault, request.ttlSecondsMax ?? Number.MAX_VALUE)
  const session: SshSession = {
    id: newId('ssh'),
    holder: request.holder,
    agent: request.agent,
    client: request.client,
    host: { id: host.id, name: host.name, groups: host.groups, environment: host.environment },
    principal,
    mode,
    reason: plainText(request.reason ?? ''),
    state: 'granted',
    grantedAt: new Date(nowMs),
    expiresAt: new Date(nowMs + ttlSeconds * 1000),
    startedAt: null,
    endedAt: null,
    endReason: null,
  }
  const ticket = mintBearer('clk_ssh')
  return inTransaction(async (work) => {
    if ((await work.sshSessions.countOpen(request.holder.id)) >= openSshSessionsMax)
      return err(fault('SSH_SESSION_LIMIT'))
    await work.sshSessions.insert(session)
    await work.sshTickets.insert({
      hash: ticket.hash,
      sshSessionId: session.id,
      binding: { sourceIp: request.client.ip },
      useBefore: new Date(Math.min(nowMs + ticketUseSeconds * 1000, session.expiresAt.getTime())),
    })
    const expiresAt = session.expiresAt.toISOString()
    work.record(sshSessionEntry(by, 'SSH_SESSION_GRANTED', session, { expiresAt, claimedReason: session.reason }))
    return ok({ session, ticket: ticket.value })
  })
}
