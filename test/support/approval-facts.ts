import type { Approval } from '../../src/domain/approvals/approval.ts'

/** An approval that waits, with honest defaults. */
export function approvalFacts(more: Partial<Approval> = {}): Approval {
  return {
    id: 'apr_1',
    kind: 'call',
    agent: { id: 'agt_1', name: 'deployer', owner: 'ana@example.com', riskLevel: 'low' },
    agentStatus: 'active',
    ownerIds: ['per_ana'],
    launcher: null,
    tokenId: 'tok_1',
    sessionId: 'ses_1',
    callDigest: 'sha256:a',
    action: 'secret.read',
    tool: 'certlocker_get_secret',
    arguments: { name: 'prod-db' },
    resource: null,
    groups: ['prod'],
    reason: '',
    reasons: [],
    requirement: { groups: ['prod'], roles: ['admin', 'approver'], quorum: 1, useSeconds: 60 },
    votes: [],
    status: 'pending',
    createdAt: new Date(0),
    expiresAt: new Date(100_000),
    decidedAt: null,
    useBefore: null,
    ...more,
  }
}
