import type { Knex } from 'knex'
import type { Approval, ApprovalKind, ApprovalStatus, Verdict } from './approval.ts'

/** An approval with what events and people are told about its agent. */
export interface ApprovalRow {
  readonly id: string
  readonly kind: ApprovalKind
  readonly agent_id: string
  readonly agent_name: string
  readonly agent_owner: string
  readonly agent_owner_id: string
  readonly agent_risk_level: string
  readonly agent_status: string
  readonly owner_id: string
  readonly launcher_name: string | null
  readonly launcher_verified: boolean
  readonly token_id: string
  readonly session_id: string
  readonly call_digest: string
  readonly action: string
  readonly tool: string
  readonly arguments: Approval['arguments']
  readonly resource: Approval['resource']
  readonly groups: string[]
  readonly reason: string
  readonly reasons: Approval['reasons']
  readonly requirement: Approval['requirement']
  readonly votes: readonly VoteRow[]
  readonly status: ApprovalStatus
  readonly created_at: Date
  readonly expires_at: Date
  readonly decided_at: Date | null
  readonly use_before: Date | null
}

/** As JSON, in which a time is milliseconds since the Unix epoch. */
interface VoteRow {
  readonly personId: string
  readonly person: string
  readonly verdict: Verdict
  readonly comment: string
  readonly atMs: number
}

const votesSql = `(SELECT coalesce(jsonb_agg(jsonb_build_object('personId', v.person_id, 'person', p.email,
    'verdict', v.verdict, 'comment', v.comment, 'atMs', (extract(epoch FROM v.at) * 1000)::bigint)
    ORDER BY v.at, v.person_id), '[]')
  FROM approval_votes v JOIN people p ON p.id = v.person_id WHERE v.approval_id = approvals.id)`

/** Completes a query that reads `approvals`. */
export function selectApproval(db: Knex, query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query
    .join('agents', 'agents.id', 'approvals.agent_id')
    .join('people', 'people.id', 'agents.owner_id')
    .join('sessions', 'sessions.id', 'approvals.session_id')
    .select('approvals.*', 'sessions.launcher_name', 'sessions.launcher_verified', {
      agent_name: 'agents.name',
      agent_owner: 'people.email',
      agent_owner_id: 'people.id',
      agent_risk_level: 'agents.risk_level',
      agent_status: 'agents.status',
      votes: db.raw(votesSql),
    })
}

export function approvalFromRow(row: ApprovalRow): Approval {
  return {
    id: row.id,
    kind: row.kind,
    agent: { id: row.agent_id, name: row.agent_name, owner: row.agent_owner, riskLevel: row.agent_risk_level },
    agentStatus: row.agent_status,
    ownerIds: [...new Set([row.owner_id, row.agent_owner_id])],
    launcher: row.launcher_name === null ? null : { name: row.launcher_name, verified: row.launcher_verified },
    tokenId: row.token_id,
    sessionId: row.session_id,
    callDigest: row.call_digest,
    action: row.action,
    tool: row.tool,
    arguments: row.arguments,
    resource: row.resource,
    groups: row.groups,
    reason: row.reason,
    reasons: row.reasons,
    requirement: row.requirement,
    votes: row.votes.map(({ atMs, ...vote }) => ({ ...vote, at: new Date(atMs) })),
    status: row.status,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    useBefore: row.use_before,
  }
}
