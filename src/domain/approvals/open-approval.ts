import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { EventDraft } from '../audit/event.ts'
import type { Work } from '../work.ts'
import type { Approval } from './approval.ts'
import { approvalExpiredEntry, approvalRequestedEntry } from './approval-events.ts'
import type { NewApproval } from './approval-store.ts'

/** What one agent may ask of people: so many new approvals in so long a time. */
export const approvalLimits = { openedMax: 20, withinSeconds: 600 } as const

/** The call that needs an approval. */
export interface ApprovalFacts extends Omit<NewApproval, 'id' | 'createdAt'> {
  readonly now: Date
  /** What the events of the call have in common. */
  readonly common: Omit<EventDraft, 'type'>
}

export interface OpenedApproval {
  readonly approval: Approval
  /** False when the same call is waiting already. */
  readonly opened: boolean
}

/**
 * Makes a call wait for people, in the transaction that records the decision about it. The same call, asked again, waits
 * with the first; after its time ran out it waits anew.
 * @returns APPROVAL_LIMIT when the agent has opened too many of late, GATEWAY_REVOKED when it was stopped meanwhile
 */
export async function openApproval(
  work: Work,
  { now, common, ...call }: ApprovalFacts,
): Promise<Result<OpenedApproval, Fault>> {
  if (!(await work.approvals.lockAgent(call.agentId))) return err(fault('GATEWAY_REVOKED'))
  const pending = await work.approvals.findPending(call.agentId, call.callDigest)
  if (pending !== undefined && pending.expiresAt > now) return ok({ approval: pending, opened: false })
  const expired = pending && (await work.approvals.expireOne(pending.id))
  if (expired !== undefined) work.record(approvalExpiredEntry(systemAuthor('expire-approvals'), expired))

  const since = new Date(now.getTime() - approvalLimits.withinSeconds * 1000)
  if ((await work.approvals.countOpenedSince(call.agentId, since)) >= approvalLimits.openedMax)
    return err(fault('APPROVAL_LIMIT'))
  const id = newId('apr')
  await work.approvals.insert({ ...call, id, createdAt: now })
  const approval = await work.approvals.find(id)
  if (approval === undefined) throw new Error(`approval ${id} vanished within its transaction`)
  work.record(approvalRequestedEntry(common, approval))
  return ok({ approval, opened: true })
}
