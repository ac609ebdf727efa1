import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { ClientFacts } from '../audit/event.ts'
import { whereInAnyGroup } from '../groups/membership.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { EndReason, Session, SessionStatus } from './session.ts'
import { type SessionRow, selectSession, sessionFromRow } from './session-row.ts'

export type NewSession = Omit<Session, 'agent' | 'lastSeenAt' | 'status' | 'endedAt' | 'endReason'> & {
  readonly agentId: string
}

export interface SessionFilter {
  /** Id or name. */
  readonly agent?: string
  readonly status?: SessionStatus
  /** Names or ids; sessions of agents in any of them. */
  readonly groups?: readonly string[]
}

/** When a session was last heard of. */
export interface Sighting {
  readonly id: string
  readonly at: Date
}

/** The class of advisory locks under which sessions of one token start, one at a time. */
const START_LOCK = 7_365_737

/** The only SQL about sessions. Bound to a connection pool or to one transaction. */
export class SessionStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /**
   * Inserts an active session.
   * @returns false when the same client has an active stateless session on that token already
   */
  async start(session: NewSession): Promise<boolean> {
    const { rows } = await this.#db.raw<{ rows: unknown[] }>(
      `INSERT INTO sessions (id, agent_id, token_id, transport, client_name, client_version, client_ip, protocol_version,
        launcher_name, launcher_verified, status, started_at, last_seen_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', ?, ?)
      ON CONFLICT (token_id, client_name, client_version, client_ip, verified_launcher) WHERE status = 'active' AND transport = 'stateless' DO NOTHING
      RETURNING id`,
      [
        session.id,
        session.agentId,
        session.tokenId,
        session.transport,
        session.client.name,
        session.client.version,
        session.client.ip,
        session.protocolVersion,
        session.launcher?.name ?? null,
        session.launcher?.verified ?? false,
        session.startedAt,
        session.startedAt,
      ],
    )
    return rows.length > 0
  }

  async find(id: string): Promise<Session | undefined> {
    return this.#first(this.#select().where('sessions.id', id))
  }

  async findActive(id: string): Promise<Session | undefined> {
    return this.#first(this.#select().where({ 'sessions.id': id, 'sessions.status': 'active' }))
  }

  /** The active stateless session of a client on a token, started by this launcher where one is proven. */
  async findStateless(
    tokenId: string,
    client: ClientFacts,
    launcher: Session['launcher'],
  ): Promise<Session | undefined> {
    return this.#first(
      this.#select().where({
        'sessions.token_id': tokenId,
        'sessions.client_name': client.name,
        'sessions.client_version': client.version,
        'sessions.client_ip': client.ip,
        'sessions.verified_launcher': launcher?.verified === true ? launcher.name : '',
        'sessions.status': 'active',
        'sessions.transport': 'stateless',
      }),
    )
  }

  /**
   * As `findActive`, and only while the agent is active and the token is not revoked. After `start` in one transaction it
   * sees what was revoked before: the new row's foreign keys have waited for whoever holds the agent or the token.
   */
  async findStanding(id: string): Promise<Session | undefined> {
    return this.#first(
      this.#select()
        .join('tokens', 'tokens.id', 'sessions.token_id')
        .where({ 'sessions.id': id, 'sessions.status': 'active', 'agents.status': 'active' })
        .whereNull('tokens.revoked_at'),
    )
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(id: string): Promise<Session | undefined> {
    await this.#db('sessions').select('id').where({ id }).forUpdate()
    return this.find(id)
  }

  async list({ agent, status, groups }: SessionFilter, page: Page): Promise<Result<Paged<Session>, Fault>> {
    const query = this.#select()
    if (agent !== undefined)
      void query.where((either) => void either.where('agents.id', agent).orWhere('agents.name', agent))
    if (status !== undefined) void query.where('sessions.status', status)
    if (groups !== undefined)
      whereInAnyGroup(query, { table: 'agent_groups', column: 'agent_id', id: 'agents.id' }, groups)
    const columns = { createdAt: 'sessions.started_at', id: 'sessions.id' }
    return paginate(query, columns, page, (row: SessionRow) => ({ ...sessionFromRow(row), createdAt: row.started_at }))
  }

  /**
   * How many active sessions a token has. Until the transaction ends, no other one that asks this gets an answer, on
   * whichever replica: the count holds while one more is started.
   */
  async lockAndCountActive(tokenId: string): Promise<number> {
    await this.#db.raw('SELECT pg_advisory_xact_lock(?, hashtext(?))', [START_LOCK, tokenId])
    const row = await this.#db('sessions').where({ token_id: tokenId, status: 'active' }).count({ active: '*' }).first()
    return Number(row?.['active'])
  }

  async countActive(): Promise<number> {
    const row = await this.#db('sessions').where('status', 'active').count({ active: '*' }).first()
    return Number(row?.['active'] ?? 0)
  }

  /** Ends one session. */
  async end({ id, endedAt, endReason }: Session): Promise<void> {
    await this.#db('sessions').where({ id }).update({ status: 'ended', ended_at: endedAt, end_reason: endReason })
  }

  /** Ends every active session of an agent or a token. @returns those sessions, as they are now */
  async endActive(
    of: { readonly agentId: string } | { readonly tokenId: string },
    reason: EndReason,
    now: Date,
  ): Promise<readonly Session[]> {
    const active = this.#db('sessions').select('id').where('status', 'active').orderBy('id').forUpdate()
    return this.#endAll(
      'agentId' in of ? active.where('agent_id', of.agentId) : active.where('token_id', of.tokenId),
      reason,
      now,
    )
  }

  /** Ends the active sessions that were last seen at `seenBefore` or earlier, at most `limit`. @returns those sessions */
  async endIdle(seenBefore: Date, now: Date, limit: number): Promise<readonly Session[]> {
    const idle = this.#db('sessions')
      .select('id')
      .where('status', 'active')
      .where('last_seen_at', '<=', seenBefore)
      .orderBy('last_seen_at')
      .limit(limit)
      .forUpdate()
      .skipLocked()
    return this.#endAll(idle, 'idle', now)
  }

  /**
   * Notes when active sessions were last seen, in one statement. A row that another transaction holds is left out rather
   * than waited for: it is being ended, or another replica has just seen it.
   */
  async touch(seen: readonly Sighting[]): Promise<void> {
    await this.#db.raw(
      `WITH seen AS (SELECT * FROM unnest(?::text[], ?::timestamptz[]) AS seen (id, at)),
        free AS (SELECT sessions.id FROM sessions JOIN seen USING (id) WHERE sessions.status = 'active'
          FOR NO KEY UPDATE OF sessions SKIP LOCKED)
      UPDATE sessions SET last_seen_at = seen.at FROM seen JOIN free USING (id)
      WHERE sessions.id = seen.id AND sessions.last_seen_at < seen.at`,
      [seen.map(({ id }) => id), seen.map(({ at }) => at.toISOString())],
    )
  }

  async #endAll(ids: Knex.QueryBuilder, reason: EndReason, now: Date): Promise<readonly Session[]> {
    const ended = this.#db('sessions')
      .whereIn('id', this.#db.select('id').from('chosen'))
      .update({ status: 'ended', ended_at: now, end_reason: reason })
      .returning('*')
    const rows: SessionRow[] = await selectSession(
      this.#db.with('chosen', ids).with('sessions', ended).from('sessions'),
    ).orderBy(['sessions.started_at', 'sessions.id'])
    return rows.map(sessionFromRow)
  }

  async #first(query: Knex.QueryBuilder): Promise<Session | undefined> {
    const row: SessionRow | undefined = await query.first()
    return row && sessionFromRow(row)
  }

  #select(): Knex.QueryBuilder {
    return selectSession(this.#db('sessions'))
  }
}
