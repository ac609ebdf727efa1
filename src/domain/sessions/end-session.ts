import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type EndReason, end, type Session } from './session.ts'
import { endedSessionEntry } from './session-events.ts'

/**
 * Ends one session, and cuts the SSH sessions that it opened: `closed` by its client, `admin` by a person. Its id is refused on every replica within a second. What
 * a client does to its own sessions does not move the authority epoch; somebody else's word also stops calls under way.
 * @returns the ended session, NOT_FOUND, or STATE_CONFLICT when it has ended already
 */
export async function endSession(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  id: string,
  reason: Extract<EndReason, 'closed' | 'admin'>,
): Promise<Result<Session, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.sessions.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No session ${id}` }))
    const after = end(before, reason, new Date(deps.clock.now()))
    if (!after.ok) return after
    await work.sessions.end(after.value)
    work.record(endedSessionEntry(by, after.value))
    await work.cutSsh(by, { sessionId: id }, 'session_ended')
    if (reason !== 'closed') work.advanceAuthority()
    return ok(after.value)
  })
}
