import type { Knex } from 'knex'
import type { Environment } from '../../kernel/vocabulary.ts'
import { environmentSql, groupNamesSql, type Membership } from '../groups/membership.ts'
import type { HostMode } from '../hosts/host.schema.ts'
import type { SshSession } from './ssh-session.ts'

const membership: Membership = { table: 'host_groups', column: 'host_id', id: 'hosts.id' }

/** A session with what events and people are told about its agent and host. */
export interface SshSessionRow {
  readonly id: string
  readonly holder: SshSession['holder']
  readonly agent_id: string | null
  readonly agent_name: string
  readonly agent_owner: string
  readonly agent_risk_level: string
  readonly token_id: string | null
  readonly session_id: string | null
  readonly client: SshSession['client']
  readonly host_id: string
  readonly host_name: string
  readonly groups: string[]
  readonly environment: Environment
  readonly principal: string
  readonly mode: HostMode
  readonly reason: string
  readonly state: SshSession['state']
  readonly granted_at: Date
  readonly expires_at: Date
  readonly started_at: Date | null
  readonly ended_at: Date | null
  readonly end_reason: SshSession['endReason']
}

/** Completes a query that reads `ssh_sessions`. */
export function selectSshSession(db: Knex, query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query
    .join('hosts', 'hosts.id', 'ssh_sessions.host_id')
    .leftJoin('agents', 'agents.id', 'ssh_sessions.agent_id')
    .leftJoin('people', 'people.id', 'agents.owner_id')
    .select('ssh_sessions.*', {
      agent_name: 'agents.name',
      agent_owner: 'people.email',
      agent_risk_level: 'agents.risk_level',
      host_name: 'hosts.name',
      groups: groupNamesSql(db, membership),
      environment: environmentSql(db, membership),
    })
}

export function sshSessionFromRow(row: SshSessionRow): SshSession {
  const { agent_id: id, token_id: tokenId, session_id: sessionId } = row
  return {
    id: row.id,
    holder: row.holder,
    agent:
      id === null || tokenId === null || sessionId === null
        ? null
        : { id, name: row.agent_name, owner: row.agent_owner, riskLevel: row.agent_risk_level, tokenId, sessionId },
    client: row.client,
    host: { id: row.host_id, name: row.host_name, groups: row.groups, environment: row.environment },
    principal: row.principal,
    mode: row.mode,
    reason: row.reason,
    state: row.state,
    grantedAt: row.granted_at,
    expiresAt: row.expires_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
  }
}
