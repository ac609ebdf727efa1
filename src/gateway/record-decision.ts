import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { Entry } from '../domain/audit/event.ts'
import { wouldSpend } from '../domain/tokens/spending.ts'
import type { InTransaction } from '../domain/work.ts'
import type { Clock } from '../kernel/clock.ts'
import { fault } from '../kernel/fault.ts'
import { err, ok } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Step } from './call-step.ts'

export interface RecordDecisionDeps {
  readonly auditLog: AuditLog
  readonly inTransaction: InTransaction
  readonly clock: Clock
}

/**
 * Makes a decision durable. One that allows what a token for single use may do once binds the token to the call, in the
 * same transaction.
 * @returns false when another call bound the token first, here or on another replica: nothing is on record then
 */
export async function recordDecision(
  { auditLog, inTransaction, clock }: RecordDecisionDeps,
  { caller, keyDigest }: Step,
  { call }: PolicyInput,
  entry: Entry,
): Promise<boolean> {
  const { token } = caller.standing
  if (entry.event.outcome !== 'allow' || !wouldSpend(token, call.action)) {
    await auditLog.append([entry])
    return true
  }
  const spent = await inTransaction(async (work) => {
    const isFirst = await work.tokens.spend(token.id, { at: new Date(clock.now()), callDigest: call.digest, keyDigest })
    if (!isFirst) return err(fault('STATE_CONFLICT'))
    work.record({ ...entry, event: { ...entry.event, details: { ...entry.event.details, tokenSpent: true } } })
    work.advanceAuthority()
    return ok(undefined)
  })
  return spent.ok
}
