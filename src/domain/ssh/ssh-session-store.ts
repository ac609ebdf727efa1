import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { whereInAnyGroup } from '../groups/membership.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { SshSessionState } from './ssh-session.schema.ts'
import type { SshRecording, SshSession } from './ssh-session.ts'
import { type SshSessionRow, selectSshSession, sshSessionFromRow } from './ssh-session-row.ts'

const OPEN: readonly SshSessionState[] = ['granted', 'active']

/** Whose open sessions are meant. */
export type SshSessionsOf =
  | { readonly agentId: string }
  | { readonly tokenId: string }
  | { readonly sessionId: string }
  | { readonly ids: readonly string[] }

export interface SshSessionFilter {
  /** Id or name. */
  readonly agent?: string
  /** Id or name. */
  readonly host?: string
  readonly status?: SshSessionState
  /** Names or ids; sessions on hosts in any of them. */
  readonly groups?: readonly string[]
}

/** The only SQL about SSH sessions and their recordings. Bound to a connection pool or to one transaction. */
export class SshSessionStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<SshSession | undefined> {
    const row: SshSessionRow | undefined = await this.#select().where('ssh_sessions.id', id).first()
    return row && sshSessionFromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(id: string): Promise<SshSession | undefined> {
    await this.#db('ssh_sessions').select('id').where({ id }).forUpdate()
    return this.find(id)
  }

  /** Open sessions, locked until the transaction ends. */
  async findOpenForUpdate(of: SshSessionsOf): Promise<readonly SshSession[]> {
    const open = this.#db('ssh_sessions').select('id').whereIn('state', OPEN).orderBy('id').forUpdate()
    if ('agentId' in of) void open.where('agent_id', of.agentId)
    else if ('tokenId' in of) void open.where('token_id', of.tokenId)
    else if ('sessionId' in of) void open.where('session_id', of.sessionId)
    else void open.whereIn('id', of.ids)
    return this.#findAll(await open)
  }

  /** Sessions whose time is over, and shells whose ticket was never used, locked until the transaction ends. */
  async findExpiredForUpdate(now: Date, limit: number): Promise<readonly SshSession[]> {
    const expired = await this.#db('ssh_sessions')
      .select('id')
      .whereIn('state', OPEN)
      .where(
        (either) =>
          void either.where('expires_at', '<=', now).orWhere(
            (unused) =>
              void unused.where({ state: 'granted', mode: 'shell' }).whereNotExists(
                this.#db('ssh_tickets')
                  .whereRaw('ssh_tickets.ssh_session_id = ssh_sessions.id')
                  .where((live) => void live.whereNotNull('used_at').orWhere('use_before', '>', now)),
              ),
          ),
      )
      .orderBy('expires_at')
      .limit(limit)
      .forUpdate()
      .skipLocked()
    return this.#findAll(expired)
  }

  /** Ids of sessions that ended before and have a connection that nobody said the end of. */
  async findUnsealed(endedBefore: Date, limit: number): Promise<readonly string[]> {
    const rows: { id: string }[] = await this.#db('ssh_sessions')
      .select('id')
      .where('ended_at', '<', endedBefore)
      .whereExists(
        this.#db('ssh_recordings').whereRaw('ssh_recordings.ssh_session_id = ssh_sessions.id').whereNull('sha256'),
      )
      .limit(limit)
    return rows.map(({ id }) => id)
  }

  async list(filter: SshSessionFilter, page: Page): Promise<Result<Paged<SshSession>, Fault>> {
    const { agent, host, status, groups } = filter
    const query = this.#select()
    if (agent !== undefined)
      void query.where((either) => void either.where('agents.id', agent).orWhere('agents.name', agent))
    if (host !== undefined)
      void query.where((either) => void either.where('hosts.id', host).orWhere('hosts.name', host))
    if (status !== undefined) void query.where('ssh_sessions.state', status)
    if (groups !== undefined)
      whereInAnyGroup(query, { table: 'host_groups', column: 'host_id', id: 'hosts.id' }, groups)
    const columns = { createdAt: 'ssh_sessions.granted_at', id: 'ssh_sessions.id' }
    return paginate(query, columns, page, (row: SshSessionRow) => ({
      ...sshSessionFromRow(row),
      createdAt: row.granted_at,
    }))
  }

  async insert(session: SshSession): Promise<void> {
    await this.#db('ssh_sessions').insert({
      id: session.id,
      holder: JSON.stringify(session.holder),
      agent_id: session.agent?.id ?? null,
      token_id: session.agent?.tokenId ?? null,
      session_id: session.agent?.sessionId ?? null,
      client: JSON.stringify(session.client),
      host_id: session.host.id,
      principal: session.principal,
      mode: session.mode,
      reason: session.reason,
      granted_at: session.grantedAt,
      expires_at: session.expiresAt,
      ...mutable(session),
    })
  }

  async save(session: SshSession): Promise<void> {
    await this.#db('ssh_sessions').where({ id: session.id }).update(mutable(session))
  }

  /** How many sessions of that holder are open. */
  async countOpen(holderId: string): Promise<number> {
    const row = await this.#db('ssh_sessions')
      .whereIn('state', OPEN)
      .whereRaw("holder->>'id' = ?", [holderId])
      .count({ open: '*' })
      .first()
    return Number(row?.['open'] ?? 0)
  }

  /** Notes that a connection is being recorded. */
  async beginRecording(sessionId: string, id: string, startedAt: Date): Promise<void> {
    await this.#db('ssh_recordings').insert({ id, ssh_session_id: sessionId, started_at: startedAt })
  }

  async sealRecording(id: string, { sha256, bytes }: { sha256: string; bytes: number }): Promise<void> {
    await this.#db('ssh_recordings').where({ id }).update({ sha256, bytes })
  }

  /** What was recorded of a session, the earliest first. */
  async recordings(sessionId: string): Promise<readonly SshRecording[]> {
    const rows: { id: string; started_at: Date; sha256: string | null; bytes: string | null }[] = await this.#db(
      'ssh_recordings',
    )
      .where({ ssh_session_id: sessionId })
      .orderBy(['started_at', 'id'])
    return rows.map(({ id, started_at: startedAt, sha256, bytes }) => ({
      id,
      startedAt,
      sha256,
      bytes: bytes === null ? null : Number(bytes),
    }))
  }

  async #findAll(rows: readonly { readonly id: string }[]): Promise<readonly SshSession[]> {
    if (rows.length === 0) return []
    const found: SshSessionRow[] = await this.#select()
      .whereIn(
        'ssh_sessions.id',
        rows.map(({ id }) => id),
      )
      .orderBy('ssh_sessions.id')
    return found.map(sshSessionFromRow)
  }

  #select(): Knex.QueryBuilder {
    return selectSshSession(this.#db, this.#db('ssh_sessions'))
  }
}

function mutable({ state, startedAt, endedAt, endReason }: SshSession): object {
  return { state, started_at: startedAt, ended_at: endedAt, end_reason: endReason }
}
