import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import type { SshEndReason, SshSession } from './ssh-session.ts'

export interface FinishDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
}

/**
 * Ends a session and voids its ticket. Live connections of it are closed on every replica within two seconds.
 * @returns the session as it is now; NOT_FOUND; or SSH_SESSION_OVER when it was over already
 */
export async function finishSshSession(
  { inTransaction, clock }: FinishDeps,
  by: Author,
  id: string,
  reason: SshEndReason,
): Promise<Result<SshSession, Fault>> {
  return inTransaction(async (work) => {
    const before = await work.sshSessions.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No SSH session ${id}` }))
    const after = await work.finishSsh(by, before, reason, new Date(clock.now()))
    if (after.ok) work.advanceAuthority()
    return after
  })
}
