import { mintBearer } from '../../kernel/bearer.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { InTransaction } from '../work.ts'
import { activate } from './ssh-session.ts'
import type { TicketBinding } from './ssh-ticket-store.ts'

/** The gateway uses it at once. */
const USE_SECONDS = 15

/**
 * Gives out a ticket for one command that the policy has allowed, for the gateway's own use.
 * @returns SSH_SESSION_OVER when the session is over
 */
export async function issueCommandTicket(
  { inTransaction, clock }: { readonly inTransaction: InTransaction; readonly clock: Clock },
  sshSessionId: string,
  binding: Extract<TicketBinding, { command: string }>,
): Promise<Result<Secret<string>, Fault>> {
  const ticket = mintBearer('clk_ssh')
  return inTransaction(async (work) => {
    const session = await work.sshSessions.findForUpdate(sshSessionId)
    if (session === undefined) return err(fault('NOT_FOUND'))
    const now = clock.now()
    const usable = activate(session, new Date(now))
    if (!usable.ok) return usable
    const useBefore = new Date(now + USE_SECONDS * 1000)
    await work.sshTickets.insert({ hash: ticket.hash, sshSessionId, binding, useBefore })
    return ok(ticket.value)
  })
}
