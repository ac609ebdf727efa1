import { transaction } from '../../src/adapters/postgres/transaction.ts'
import { type Agent, agentFacts } from '../../src/domain/agents/agent.ts'
import { createAgent } from '../../src/domain/agents/create-agent.ts'
import type { Author } from '../../src/domain/audit/author.ts'
import type { AuditEvent } from '../../src/domain/audit/event.ts'
import { PostgresAuditLog } from '../../src/domain/audit/postgres-audit-log.ts'
import { createGroup } from '../../src/domain/groups/create-group.ts'
import type { GroupReach } from '../../src/domain/groups/group-reach.ts'
import { createHost } from '../../src/domain/hosts/create-host.ts'
import { createPerson } from '../../src/domain/people/create-person.ts'
import { bindStores, type Stores } from '../../src/domain/stores.ts'
import { createToken } from '../../src/domain/tokens/create-token.ts'
import { createInTransaction, type InTransaction } from '../../src/domain/work.ts'
import type { Fault } from '../../src/kernel/fault.ts'
import type { Result } from '../../src/kernel/result.ts'
import { type TestDatabase, testDatabase } from './database.ts'

/** The registry on a real database and a real audit log, at a time that the test sets. */
export interface TestRegistry {
  readonly database: TestDatabase
  readonly stores: Stores
  readonly deps: {
    readonly inTransaction: InTransaction
    readonly clock: { now(): number }
    readonly mcpUrl: string
  }
  /** Milliseconds since the Unix epoch; the clock stands still until the test moves it. */
  now: number
  /** The events committed since the last call, in order. */
  events(): AuditEvent[]
  /** How often the authority epoch has advanced. */
  epoch(): Promise<number>
  close(): Promise<void>
}

export async function testRegistry(): Promise<TestRegistry> {
  const database = await testDatabase()
  const committed: AuditEvent[] = []
  const clock = { now: () => registry.now }
  const auditLog = new PostgresAuditLog({
    knex: database.knex,
    openConnection: () => Promise.reject(new Error('use cases append within their own transaction')),
    clock,
    observers: [{ appended: (events) => committed.push(...events), authority: () => undefined }],
  })
  const inTransaction = createInTransaction({
    transact: (body) => transaction(database.knex, body),
    auditLog,
    now: () => new Date(registry.now),
  })
  const registry: TestRegistry = {
    database,
    stores: bindStores(database.knex),
    deps: { inTransaction, clock, mcpUrl: 'https://gateway.example.com/rest/mcp' },
    now: Date.parse('2026-03-01T09:30:00.000Z'),
    events: () => committed.splice(0),
    epoch: async () => {
      const { authority_epoch } = await database.knex('audit_log').first('authority_epoch')
      return Number(authority_epoch)
    },
    close: async () => {
      await auditLog.close()
      await database.drop()
    },
  }
  return registry
}

/** A person acting through REST who has these groups. */
export function author(groups: GroupReach = 'every', id = 'per_0000000000000000000000000'): Author {
  return {
    actor: { kind: 'person', id, name: 'root@example.com' },
    groups,
    requestId: 'req_0000000000000000000000000',
    traceparent: null,
    client: { ip: '127.0.0.1', name: 'test', version: '1' },
    decision: null,
    breakGlass: false,
  }
}

/** The value of a result that the test counts on. */
export function valueOf<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value
  throw new Error(`unexpected refusal ${result.error.code}: ${result.error.message}`)
}

const allScopes = ['secret:read', 'host:read', 'ssh_session:request'] as const

/** A group in production, with that name. */
export async function aGroup(
  { deps }: TestRegistry,
  name: string,
  environment: 'production' | 'staging' = 'production',
) {
  return valueOf(await createGroup(deps, author(), { name, environment }))
}

/** A host in that group, whose account `deploy` runs commands. */
export async function aHost({ deps }: TestRegistry, name: string, group: string) {
  return valueOf(
    await createHost(deps, author(), {
      name,
      address: '192.0.2.7',
      groups: [group],
      principals: ['deploy'],
      modes: ['exec'],
      hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'],
      credential: { kind: 'certificate' },
    }),
  )
}

/** An operator in those groups, unless it is said otherwise. */
export async function aPerson(
  { deps }: TestRegistry,
  name: string,
  groups: string[],
  role: 'admin' | 'operator' = 'operator',
) {
  return valueOf(await createPerson(deps, author(), { email: `${name}@example.com`, name, role, groups }))
}

export async function anAgent({ deps }: TestRegistry, name: string, owner: string, groups: string[]) {
  const request = { name, owner, riskLevel: 'medium' as const, scopes: [...allScopes], groups }
  return valueOf(await createAgent(deps, author(), request))
}

/** A token for an hour. */
export async function aToken({ deps }: TestRegistry, agent: Agent, groups: string[], name = 'laptop') {
  return valueOf(await createToken(deps, author(), { agentId: agent.id, name, groups, ttlSeconds: 3600 }))
}

/** An active session on a token. */
export async function aSession({ stores, now }: TestRegistry, agent: Agent, tokenId: string, id: string) {
  const started = await stores.sessions.start({
    id,
    agentId: agent.id,
    tokenId,
    transport: 'handshake',
    client: { ip: '10.0.0.7', name: 'cursor', version: '1' },
    protocolVersion: '2025-11-25',
    launcher: null,
    startedAt: new Date(now),
  })
  if (!started) throw new Error('the session did not start')
  return { id, agent: agentFacts(agent) }
}

/** A pending approval of that agent and token, as a row: how approvals are opened is not what these tests are about. */
export async function aPendingApproval(
  { database, now }: TestRegistry,
  agent: Agent,
  tokenId: string,
  sessionId: string,
  id: string,
) {
  await database.knex('approvals').insert({
    id,
    agent_id: agent.id,
    owner_id: agent.ownerId,
    token_id: tokenId,
    session_id: sessionId,
    call_digest: `sha256:${id}`,
    action: 'secret.read',
    tool: 'certlocker_get_secret',
    arguments: JSON.stringify({ name: 'prod-db-password' }),
    resource: JSON.stringify({
      type: 'secret',
      id: 'sec_0',
      name: 'prod-db-password',
      groups: ['prod'],
      environment: 'production',
      version: 0,
    }),
    groups: ['prod'],
    reasons: '[]',
    requirement: JSON.stringify({ groups: [], roles: ['approver'], quorum: 1, useSeconds: 900 }),
    status: 'pending',
    created_at: new Date(now),
    expires_at: new Date(now + 3_600_000),
  })
}
