import { consume } from '../domain/approvals/approval.ts'
import { approvalConsumedEntry } from '../domain/approvals/approval-events.ts'
import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { Entry } from '../domain/audit/event.ts'
import { wouldSpend } from '../domain/tokens/spending.ts'
import type { InTransaction, Work } from '../domain/work.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Step } from './call-step.ts'

export interface RecordDecisionDeps {
  readonly auditLog: AuditLog
  readonly inTransaction: InTransaction
  readonly clock: Clock
}

/**
 * Makes a decision durable. One that allows what a token for single use may do once binds the token to the call, and one
 * that people had to approve uses their approval up, in the same transaction.
 * @returns false when another call was faster, here or on another replica, or the approval is not in force any more:
 * nothing is on record then
 */
export async function recordDecision(
  { auditLog, inTransaction, clock }: RecordDecisionDeps,
  { caller, keyDigest }: Step,
  { call, approval }: PolicyInput,
  entry: Entry,
): Promise<boolean> {
  const { token } = caller.standing
  const isAllowed = entry.event.outcome === 'allow'
  const spends = isAllowed && wouldSpend(token, call.action)
  const consumes = isAllowed && approval.status === 'approved'
  if (!spends && !consumes) {
    await auditLog.append([entry])
    return true
  }
  const recorded = await inTransaction(async (work) => {
    const now = new Date(clock.now())
    if (spends && !(await work.tokens.spend(token.id, { at: now, callDigest: call.digest, keyDigest })))
      return err(fault('STATE_CONFLICT'))
    const { details } = entry.event
    const facts = { ...(spends ? { tokenSpent: true } : {}), ...(consumes ? { approvalId: approval.id } : {}) }
    work.record({ ...entry, event: { ...entry.event, details: { ...details, ...facts } } })
    if (spends) work.advanceAuthority()
    return consumes ? useUp(work, entry, { ...approval, callDigest: call.digest }, now) : ok(undefined)
  })
  return recorded.ok
}

/** The agent's row is locked first, so that whoever stops the agent comes before or after, never between. */
async function useUp(
  work: Work,
  { event }: Entry,
  { id, callDigest }: Pick<PolicyInput['approval'], 'id' | 'callDigest'>,
  now: Date,
): Promise<Result<undefined, Fault>> {
  const agentId = event.agent?.id ?? ''
  if (!(await work.approvals.lockAgent(agentId))) return err(fault('STATE_CONFLICT'))
  const approval = await work.approvals.findForUpdate(id)
  if (approval === undefined || approval.agent.id !== agentId) return err(fault('STATE_CONFLICT'))
  const consumed = consume(approval, callDigest, now)
  if (!consumed.ok) return consumed
  await work.approvals.save(consumed.value)
  const { type: _type, outcome: _outcome, code: _code, reasons: _reasons, details: _details, ...common } = event
  work.record(approvalConsumedEntry(common, consumed.value))
  return ok(undefined)
}
