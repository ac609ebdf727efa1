import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { endedSessionEntry } from './session-events.ts'

/** Sessions that one transaction ends: the audit log's lock is never held for long. */
export const idleSessionsPerBatch = 200

/**
 * The job that ends sessions which nobody used for `idleSeconds`. Replicas may run it at the same time.
 * @returns how many sessions it ended
 */
export async function endIdleSessions(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  idleSeconds: number,
): Promise<Result<number, Fault>> {
  const by = systemAuthor('end-idle-sessions')
  for (let total = 0; ; ) {
    const batch = await deps.inTransaction(async (work) => {
      const nowMs = deps.clock.now()
      const ended = await work.sessions.endIdle(
        new Date(nowMs - idleSeconds * 1000),
        new Date(nowMs),
        idleSessionsPerBatch,
      )
      for (const session of ended) work.record(endedSessionEntry(by, session))
      return ok(ended.length)
    })
    if (!batch.ok) return batch
    total += batch.value
    if (batch.value < idleSessionsPerBatch) return ok(total)
  }
}
