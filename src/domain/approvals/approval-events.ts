import type { Json } from '../../kernel/canonical-json.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { AgentFacts, Entry, EventDraft } from '../audit/event.ts'
import type { Approval } from './approval.ts'

/** The entry that records that a call waits for people. @param common what the events of that call have in common */
export function approvalRequestedEntry(common: Omit<EventDraft, 'type'>, approval: Approval): Entry {
  return { event: { ...common, type: 'APPROVAL_REQUESTED', outcome: 'ok', details: detailsOf(approval) } }
}

/** The entry that records that nobody decided in time. */
export function approvalExpiredEntry(by: Author, approval: Approval): Entry {
  return endedEntry(by, 'APPROVAL_EXPIRED', approval, approval.agent)
}

/** The entry that records that the agent or the token, which was to use the answer, is gone. */
export function approvalCancelledEntry(by: Author, approval: Approval, agent: AgentFacts): Entry {
  return endedEntry(by, 'APPROVAL_CANCELLED', approval, agent)
}

function endedEntry(
  by: Author,
  type: 'APPROVAL_EXPIRED' | 'APPROVAL_CANCELLED',
  approval: Approval,
  agent: AgentFacts,
): Entry {
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
    details: detailsOf(approval),
  })
  return { event: { ...event, tool: approval.tool } }
}

function detailsOf({ id, action, callDigest, expiresAt, reasons, requirement }: Approval): {
  readonly [name: string]: Json
} {
  return {
    approvalId: id,
    action,
    callDigest,
    expiresAt: expiresAt.toISOString(),
    reasons: reasons.map(({ code }) => code),
    requirement: { ...requirement },
  }
}
