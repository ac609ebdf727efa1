import type { Knex } from 'knex'
import type { AgentStatus, RiskLevel, Scope } from '../../kernel/vocabulary.ts'
import { groupNamesSql, type Membership } from '../groups/membership.ts'
import type { Agent } from './agent.ts'

export const agentMembership: Membership = { table: 'agent_groups', column: 'agent_id', id: 'agents.id' }

/** An agent as `selectAgent` returns it; the prefix keeps it apart from what it is joined to. */
export interface AgentRow {
  readonly agent_id: string
  readonly agent_name: string
  readonly agent_description: string
  readonly agent_owner_id: string
  readonly agent_owner: string
  readonly agent_risk_level: RiskLevel
  readonly agent_scopes: Scope[]
  readonly agent_groups: string[]
  readonly agent_status: AgentStatus
  readonly agent_created_at: Date
  readonly agent_created_by: string
}

/** Adds an agent's columns to a query that reads `agents` joined to their owners in `people`. */
export function selectAgent(db: Knex, query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query.select({
    agent_id: 'agents.id',
    agent_name: 'agents.name',
    agent_description: 'agents.description',
    agent_owner_id: 'agents.owner_id',
    agent_owner: 'people.email',
    agent_risk_level: 'agents.risk_level',
    agent_scopes: 'agents.scopes',
    agent_groups: groupNamesSql(db, agentMembership),
    agent_status: 'agents.status',
    agent_created_at: 'agents.created_at',
    agent_created_by: 'agents.created_by',
  })
}

export function agentFromRow(row: AgentRow): Agent {
  return {
    id: row.agent_id,
    name: row.agent_name,
    description: row.agent_description,
    ownerId: row.agent_owner_id,
    owner: row.agent_owner,
    riskLevel: row.agent_risk_level,
    scopes: row.agent_scopes,
    groups: row.agent_groups,
    status: row.agent_status,
    createdAt: row.agent_created_at,
    createdBy: row.agent_created_by,
  }
}
