import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { approvalExpiredEntry } from './approval-events.ts'

/** Approvals that one transaction ends: the audit log's lock is never held for long. */
const APPROVALS_PER_BATCH = 200

/**
 * The job that ends approvals which nobody decided in time. Replicas may run it at the same time.
 * @returns how many it ended
 */
export async function expireApprovals(deps: {
  readonly inTransaction: InTransaction
  readonly clock: Clock
}): Promise<Result<number, Fault>> {
  const by = systemAuthor('expire-approvals')
  for (let total = 0; ; ) {
    const batch = await deps.inTransaction(async (work) => {
      const expired = await work.approvals.expire(new Date(deps.clock.now()), APPROVALS_PER_BATCH)
      for (const approval of expired) work.record(approvalExpiredEntry(by, approval))
      return ok(expired.length)
    })
    if (!batch.ok) return batch
    total += batch.value
    if (batch.value < APPROVALS_PER_BATCH) return ok(total)
  }
}
