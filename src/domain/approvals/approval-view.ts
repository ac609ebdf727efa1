import type { Approval } from './approval.ts'

/** The approval as people see it in lists: the facts are the gateway's own, and what the agent says is under `claimed`. */
export function approvalView(approval: Approval) {
  return {
    id: approval.id,
    kind: approval.kind,
    status: approval.status,
    frozen: approval.status === 'pending' && approval.agentStatus === 'suspended',
    agent: approval.agent.name,
    agentId: approval.agent.id,
    owner: approval.agent.owner,
    riskLevel: approval.agent.riskLevel,
    launcher: approval.launcher,
    tokenId: approval.tokenId,
    sessionId: approval.sessionId,
    action: approval.action,
    tool: approval.tool,
    arguments: approval.arguments,
    callDigest: approval.callDigest,
    resource: approval.resource,
    groups: approval.groups,
    environment: approval.resource?.environment ?? '',
    reasons: approval.reasons,
    claimed: { reason: approval.reason },
    requirement: approval.requirement,
    votes: approval.votes.map(({ person, verdict, comment, at }) => ({
      person,
      verdict,
      comment,
      at: at.toISOString(),
    })),
    createdAt: approval.createdAt.toISOString(),
    expiresAt: approval.expiresAt.toISOString(),
    decidedAt: approval.decidedAt?.toISOString() ?? null,
    useBefore: approval.useBefore?.toISOString() ?? null,
  }
}

/** What an approver reads before deciding: the approval, and what became of others for the same tool and resource. */
export function approvalSummary(approval: Approval, similar: readonly Approval[]) {
  return {
    ...approvalView(approval),
    similar: similar.map(({ id, agent, status, votes, createdAt, decidedAt, arguments: args }) => ({
      id,
      agent: agent.name,
      status,
      arguments: args,
      decidedBy: votes.map(({ person }) => person),
      createdAt: createdAt.toISOString(),
      decidedAt: decidedAt?.toISOString() ?? null,
    })),
  }
}
