import { bearerHash, isBearer } from '../../kernel/bearer.ts'
import type { Clock } from '../../kernel/clock.ts'
import { sourceAddress } from '../../kernel/cidr.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { isOver, type SshSession } from './ssh-session.ts'
import type { SshSessionStore } from './ssh-session-store.ts'
import type { SshTicketStore, TicketBinding } from './ssh-ticket-store.ts'

export type TicketRefusal =
  | 'TICKET_MALFORMED'
  | 'TICKET_UNKNOWN_OR_USED'
  | 'TICKET_LATE'
  | 'TICKET_SOURCE_MISMATCH'
  | 'SSH_SESSION_OVER'

export interface Redeemed {
  readonly session: SshSession
  readonly binding: TicketBinding
}

/**
 * Turns a ticket into the session that it opens, once: whatever is wrong with its holder, it is good no more.
 * @param sourceIp from where it was shown
 */
export async function redeemSshTicket(
  {
    sshSessions,
    sshTickets,
    clock,
  }: { readonly sshSessions: SshSessionStore; readonly sshTickets: SshTicketStore; readonly clock: Clock },
  shown: { readonly sessionId: string; readonly ticket: string; readonly sourceIp: string },
): Promise<Result<Redeemed, TicketRefusal>> {
  if (!isBearer('clk_ssh', shown.ticket)) return err('TICKET_MALFORMED')
  const now = new Date(clock.now())
  const used = await sshTickets.use(bearerHash(shown.ticket), shown.sessionId, now)
  if (used === undefined) return err('TICKET_UNKNOWN_OR_USED')
  if (used.useBefore <= now) return err('TICKET_LATE')
  const { binding } = used
  if ('sourceIp' in binding && sourceAddress(binding.sourceIp) !== sourceAddress(shown.sourceIp))
    return err('TICKET_SOURCE_MISMATCH')
  const session = await sshSessions.find(shown.sessionId)
  if (session === undefined || isOver(session) || session.expiresAt <= now) return err('SSH_SESSION_OVER')
  return ok({ session, binding })
}
