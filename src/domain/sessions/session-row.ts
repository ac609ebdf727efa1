import type { Knex } from 'knex'
import type { EndReason, Session, SessionStatus, SessionTransport } from './session.ts'

/** A session with what events say about its agent, so that no second query is needed for them. */
export interface SessionRow {
  readonly id: string
  readonly agent_id: string
  readonly agent_name: string
  readonly agent_owner: string
  readonly agent_risk_level: string
  readonly token_id: string
  readonly transport: SessionTransport
  readonly client_name: string
  readonly client_version: string
  readonly client_ip: string
  readonly protocol_version: string
  readonly launcher_name: string | null
  readonly launcher_verified: boolean
  readonly status: SessionStatus
  readonly started_at: Date
  readonly last_seen_at: Date
  readonly ended_at: Date | null
  readonly end_reason: EndReason | null
}

/** Completes a query that reads `sessions`. */
export function selectSession(query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query
    .join('agents', 'agents.id', 'sessions.agent_id')
    .join('people', 'people.id', 'agents.owner_id')
    .select('sessions.*', {
      agent_name: 'agents.name',
      agent_owner: 'people.email',
      agent_risk_level: 'agents.risk_level',
    })
}

export function sessionFromRow(row: SessionRow): Session {
  return {
    id: row.id,
    agent: { id: row.agent_id, name: row.agent_name, owner: row.agent_owner, riskLevel: row.agent_risk_level },
    tokenId: row.token_id,
    transport: row.transport,
    client: { ip: row.client_ip, name: row.client_name, version: row.client_version },
    protocolVersion: row.protocol_version,
    launcher: row.launcher_name === null ? null : { name: row.launcher_name, verified: row.launcher_verified },
    status: row.status,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
  }
}
