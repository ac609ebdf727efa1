import type { Knex } from 'knex'
import type { Approval, ApprovalStatus } from './approval.ts'

/** An approval with what events and people are told about its agent. */
export interface ApprovalRow {
  readonly id: string
  readonly agent_id: string
  readonly agent_name: string
  readonly agent_owner: string
  readonly agent_risk_level: string
  readonly token_id: string
  readonly session_id: string
  readonly call_digest: string
  readonly action: string
  readonly tool: string
  readonly arguments: Approval['arguments']
  readonly resource: Approval['resource']
  readonly reasons: Approval['reasons']
  readonly requirement: Approval['requirement']
  readonly status: ApprovalStatus
  readonly created_at: Date
  readonly expires_at: Date
}

/** Completes a query that reads `approvals`. */
export function selectApproval(query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query
    .join('agents', 'agents.id', 'approvals.agent_id')
    .join('people', 'people.id', 'agents.owner_id')
    .select('approvals.*', {
      agent_name: 'agents.name',
      agent_owner: 'people.email',
      agent_risk_level: 'agents.risk_level',
    })
}

export function approvalFromRow(row: ApprovalRow): Approval {
  return {
    id: row.id,
    agent: { id: row.agent_id, name: row.agent_name, owner: row.agent_owner, riskLevel: row.agent_risk_level },
    tokenId: row.token_id,
    sessionId: row.session_id,
    callDigest: row.call_digest,
    action: row.action,
    tool: row.tool,
    arguments: row.arguments,
    resource: row.resource,
    reasons: row.reasons,
    requirement: row.requirement,
    status: row.status,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
