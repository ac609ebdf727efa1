import { type Fault, fault, must } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { EventDraft } from '../audit/event.ts'
import type { Work } from '../work.ts'
import { type Approval, cancel, expire, isLive } from './approval.ts'
import { approvalCancelledEntry, approvalExpiredEntry, approvalRequestedEntry } from './approval-events.ts'
import type { NewApproval } from './approval-store.ts'

/** What one agent may ask of people: so many new approvals in so long a time. */
export const approvalLimits = { openedMax: 20, withinSeconds: 600 } as const

/** The call that needs an approval, or the question that is asked. */
export interface ApprovalFacts extends Omit<NewApproval, 'id' | 'createdAt'> {
  readonly now: Date
  /** For so long after a denial the same call stays denied. */
  readonly denialSeconds: number
  /** An approval that the policy was told of and that does not suffice any more. */
  readonly insufficientId: string | undefined
  /** What the events of the call have in common. */
  readonly common: Omit<EventDraft, 'type'>
}

export interface OpenedApproval {
  readonly approval: Approval
  /** False when the same call waits already, or was decided a moment ago. */
  readonly opened: boolean
}

/**
 * Makes a call wait for people, in the transaction that records the decision about it. The same call, asked again, waits
 * with the first; after its time ran out it waits anew.
 * @returns APPROVAL_LIMIT when the agent has opened too many of late, GATEWAY_REVOKED when it was stopped meanwhile
 */
export async function openApproval(work: Work, facts: ApprovalFacts): Promise<Result<OpenedApproval, Fault>> {
  const { now, denialSeconds, insufficientId, common, ...call } = facts
  if (!(await work.approvals.lockAgent(call.agentId))) return err(fault('GATEWAY_REVOKED'))
  const latest =
    call.kind === 'call'
      ? await work.approvals.findLatest(call.agentId, call.callDigest)
      : await work.approvals.findPendingDecision(call.agentId, call.callDigest)
  if (latest !== undefined && latest.id !== insufficientId && isInForce(latest, now, denialSeconds))
    return ok({ approval: latest, opened: false })
  if (latest !== undefined && isLive(latest)) await endSpent(work, latest, now)

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

/** Whether the same call, asked again, gets this approval's answer instead of a new approval. */
export function isInForce(
  { status, expiresAt, useBefore, decidedAt }: Approval,
  now: Date,
  denialSeconds: number,
): boolean {
  if (status === 'pending') return now < expiresAt
  if (status === 'approved') return useBefore !== null && now < useBefore
  return status === 'denied' && decidedAt !== null && now.getTime() < decidedAt.getTime() + denialSeconds * 1000
}

/** Makes room for a new approval of the same call. */
async function endSpent(work: Work, { id }: Approval, now: Date): Promise<void> {
  const approval = await work.approvals.findForUpdate(id)
  if (approval === undefined || !isLive(approval)) return
  const expired = expire(approval, now)
  const ended = expired.ok ? expired.value : must(cancel(approval))
  await work.approvals.save(ended)
  const by = systemAuthor('expire-approvals')
  work.record(expired.ok ? approvalExpiredEntry(by, ended) : approvalCancelledEntry(by, ended, ended.agent))
}
