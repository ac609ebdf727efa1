import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'

/** Sessions that one transaction ends: the audit log's lock is never held for long. */
const SESSIONS_PER_BATCH = 100
/** Used and late tickets are told apart from unknown ones for so long, in the log only. */
const TICKET_KEPT_MS = 3_600_000

/**
 * The job that ends sessions whose time is over, and shells that were never opened. Replicas may run it at the same time.
 * @returns how many sessions it ended
 */
export async function expireSshSessions(deps: {
  readonly inTransaction: InTransaction
  readonly clock: Clock
}): Promise<Result<number, Fault>> {
  const by = systemAuthor('expire-ssh-sessions')
  return deps.inTransaction(async (work) => {
    const now = new Date(deps.clock.now())
    await work.sshTickets.forgetBefore(new Date(now.getTime() - TICKET_KEPT_MS))
    const sessions = await work.sshSessions.findExpiredForUpdate(now, SESSIONS_PER_BATCH)
    for (const session of sessions) await work.finishSsh(by, session, session.expiresAt <= now ? 'ttl' : 'unused', now)
    if (sessions.length > 0) work.advanceAuthority()
    return ok(sessions.length)
  })
}
