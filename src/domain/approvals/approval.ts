import type { AgentFacts, AuditEvent } from '../audit/event.ts'

export const approvalStatuses = ['pending', 'approved', 'denied', 'expired', 'consumed', 'cancelled'] as const
export type ApprovalStatus = (typeof approvalStatuses)[number]

/** Who may decide, how many of them it takes, and how long the answer may then be used: as the policy said. */
export interface ApprovalRequirement {
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  readonly quorum: number
  readonly useSeconds: number
}

/** A call that waits for people. It binds to the digest of exactly that call. */
export interface Approval {
  readonly id: string
  readonly agent: AgentFacts
  readonly tokenId: string
  readonly sessionId: string
  readonly callDigest: string
  readonly action: string
  readonly tool: string
  /** As they entered the policy: sensitive ones are masked. */
  readonly arguments: { readonly [name: string]: unknown }
  readonly resource: AuditEvent['resource']
  /** Why the policy asks for people. */
  readonly reasons: readonly { readonly code: string; readonly title: string }[]
  readonly requirement: ApprovalRequirement
  readonly status: ApprovalStatus
  readonly createdAt: Date
  /** Until then it can be decided. */
  readonly expiresAt: Date
}

/** The approval as people see it. */
export function approvalView(approval: Approval) {
  return {
    id: approval.id,
    status: approval.status,
    agent: approval.agent.name,
    agentId: approval.agent.id,
    owner: approval.agent.owner,
    riskLevel: approval.agent.riskLevel,
    tokenId: approval.tokenId,
    sessionId: approval.sessionId,
    action: approval.action,
    tool: approval.tool,
    arguments: approval.arguments,
    callDigest: approval.callDigest,
    resource: approval.resource,
    reasons: approval.reasons,
    requirement: approval.requirement,
    createdAt: approval.createdAt.toISOString(),
    expiresAt: approval.expiresAt.toISOString(),
  }
}
