import type { Fault } from '../../kernel/fault.ts'
import { type Author, type Change, changeEntry } from '../audit/author.ts'
import type { AgentFacts, Entry, EventDraft, EventType } from '../audit/event.ts'
import type { Approval, Vote } from './approval.ts'

/** The entry that records that a call waits for people. @param common what the events of that call have in common */
export function approvalRequestedEntry(common: Omit<EventDraft, 'type'>, approval: Approval): Entry {
  return { event: { ...common, type: 'APPROVAL_REQUESTED', outcome: 'ok', details: detailsOf(approval) } }
}

/** The entries that record a person's vote, and what it decided, if it did. */
export function votedEntries(by: Author, { verdict, comment }: Vote, after: Approval): readonly Entry[] {
  const voted = changed(by, 'APPROVAL_VOTED', after, { verdict, comment })
  if (after.status === 'approved') return [voted, changed(by, 'APPROVAL_APPROVED', after, decisionOf(after))]
  return after.status === 'denied' ? [voted, changed(by, 'APPROVAL_DENIED', after, decisionOf(after))] : [voted]
}

/** The entry that records that a call used its approval up. @param common what the events of that call have in common */
export function approvalConsumedEntry(common: Omit<EventDraft, 'type'>, approval: Approval): Entry {
  const details = { ...detailsOf(approval), ...decisionOf(approval) }
  return { event: { ...common, type: 'APPROVAL_CONSUMED', outcome: 'ok', details } }
}

/** The entry that records that a person tried to decide who may not. */
export function voteRefusedEntry(by: Author, approval: Approval, { code, message }: Fault): Entry {
  const { event } = changed(by, 'API_POLICY_DENIED', approval, { message })
  return { event: { ...event, outcome: 'deny', code } }
}

/** The entry that records that nobody decided, or nobody used the answer, in time. */
export function approvalExpiredEntry(by: Author, approval: Approval): Entry {
  return changed(by, 'APPROVAL_EXPIRED', approval)
}

/** The entry that records that the agent or the token, which was to use the answer, is gone. */
export function approvalCancelledEntry(by: Author, approval: Approval, agent: AgentFacts): Entry {
  return changed(by, 'APPROVAL_CANCELLED', { ...approval, agent })
}

function changed(by: Author, type: EventType, approval: Approval, details: Change['details'] = {}): Entry {
  const { agent } = approval
  const { event } = changeEntry(by, {
    type,
    resource: approval.resource ?? {
      type: 'approval',
      id: approval.id,
      name: approval.id,
      groups: [],
      environment: '',
      version: null,
    },
    agent: { id: agent.id, name: agent.name, owner: agent.owner, riskLevel: agent.riskLevel },
    tokenId: approval.tokenId,
    sessionId: approval.sessionId,
    details: { ...detailsOf(approval), ...details },
  })
  return { event: { ...event, tool: approval.tool } }
}

function decisionOf({ votes, useBefore }: Approval): Change['details'] {
  return {
    approvers: votes.filter(({ verdict }) => verdict === 'approve').map(({ person }) => person),
    useBefore: useBefore?.toISOString() ?? null,
  }
}

function detailsOf({ id, kind, action, callDigest, expiresAt, reasons, requirement }: Approval): Change['details'] {
  return {
    approvalId: id,
    kind,
    action,
    callDigest,
    expiresAt: expiresAt.toISOString(),
    reasons: reasons.map(({ code }) => code),
    requirement: { ...requirement },
  }
}
