import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Approval, ApprovalStatus, Vote } from './approval.ts'
import { type ApprovalRow, approvalFromRow, selectApproval } from './approval-row.ts'

export interface ApprovalFilter {
  readonly status?: ApprovalStatus
  /** Id or name. */
  readonly agent?: string
  /** Names; approvals that approvers of any of them may decide. */
  readonly groups?: readonly string[]
}

/** What the agent's row and its session say is read with it. */
export type NewApproval = Omit<
  Approval,
  'agent' | 'agentStatus' | 'ownerIds' | 'launcher' | 'votes' | 'status' | 'decidedAt' | 'useBefore'
> & { readonly agentId: string; readonly ownerId: string }

/** The only SQL about approvals. Bound to a connection pool or to one transaction. */
export class ApprovalStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<Approval | undefined> {
    const row: ApprovalRow | undefined = await this.#select().where('approvals.id', id).first()
    return row && approvalFromRow(row)
  }

  async list({ status, agent, groups }: ApprovalFilter, page: Page): Promise<Result<Paged<Approval>, Fault>> {
    const query = this.#select()
    if (status !== undefined) void query.where('approvals.status', status)
    if (agent !== undefined)
      void query.where((either) => void either.where('agents.id', agent).orWhere('agents.name', agent))
    if (groups !== undefined) void query.whereRaw('approvals.groups && ?::text[]', [[...groups]])
    return paginate(query, { createdAt: 'approvals.created_at', id: 'approvals.id' }, page, approvalFromRow)
  }

  /**
   * Lets one transaction at a time open approvals of an agent, so that none is opened twice and a count of them holds.
   * @returns false when the agent is not active any more
   */
  async lockAgent(agentId: string): Promise<boolean> {
    const rows: unknown[] = await this.#db('agents')
      .select('id')
      .where({ id: agentId, status: 'active' })
      .forNoKeyUpdate()
    return rows.length > 0
  }

  /** As `find`, and keeps the approval locked until the transaction ends. */
  async findForUpdate(id: string): Promise<Approval | undefined> {
    await this.#db('approvals').select('id').where('id', id).forUpdate()
    return this.find(id)
  }

  /** The latest approval of exactly this call that is live or was denied; its time may have run out. */
  async findLatest(agentId: string, callDigest: string): Promise<Approval | undefined> {
    const row: ApprovalRow | undefined = await this.#select()
      .where({ 'approvals.agent_id': agentId, 'approvals.call_digest': callDigest, 'approvals.kind': 'call' })
      .whereIn('approvals.status', ['pending', 'approved', 'denied'])
      .orderBy('approvals.created_at', 'desc')
      .first()
    return row && approvalFromRow(row)
  }

  /** The pending question about something outside the gateway, asked in exactly these words. */
  async findPendingDecision(agentId: string, callDigest: string): Promise<Approval | undefined> {
    const row: ApprovalRow | undefined = await this.#select()
      .where({ 'approvals.agent_id': agentId, 'approvals.call_digest': callDigest, 'approvals.kind': 'decision' })
      .where('approvals.status', 'pending')
      .first()
    return row && approvalFromRow(row)
  }

  /**
   * The latest other approvals for the same tool and resource, newest first.
   * @param groups as `list` takes them: what is about no resource is alike whomever it concerns
   */
  async similarTo(
    { id, tool, resource }: Approval,
    { limit, groups }: Pick<ApprovalFilter, 'groups'> & { readonly limit: number },
  ): Promise<readonly Approval[]> {
    const query = this.#select().where('approvals.tool', tool).whereNot('approvals.id', id)
    if (resource === null) void query.whereRaw("jsonb_typeof(approvals.resource) = 'null'")
    else
      void query.whereRaw("approvals.resource ->> 'type' = ? AND approvals.resource ->> 'name' = ?", [
        resource.type,
        resource.name,
      ])
    if (groups !== undefined) void query.whereRaw('approvals.groups && ?::text[]', [[...groups]])
    const rows: ApprovalRow[] = await query.orderBy('approvals.created_at', 'desc').limit(limit)
    return rows.map(approvalFromRow)
  }

  /** What has become of approvals. */
  async statusesOf(ids: readonly string[]): Promise<readonly Pick<Approval, 'id' | 'status'>[]> {
    return this.#db('approvals').select('id', 'status').whereIn('id', ids)
  }

  /** How many approvals the agent opened after a time. */
  async countOpenedSince(agentId: string, since: Date): Promise<number> {
    const row = await this.#db('approvals')
      .where('agent_id', agentId)
      .where('created_at', '>', since)
      .count({ opened: '*' })
      .first()
    return Number(row?.['opened'])
  }

  /** Inserts a pending approval. There may be one per agent and call digest. */
  async insert(approval: NewApproval): Promise<void> {
    await this.#db('approvals').insert({
      id: approval.id,
      kind: approval.kind,
      agent_id: approval.agentId,
      owner_id: approval.ownerId,
      token_id: approval.tokenId,
      session_id: approval.sessionId,
      call_digest: approval.callDigest,
      action: approval.action,
      tool: approval.tool,
      arguments: JSON.stringify(approval.arguments),
      resource: JSON.stringify(approval.resource),
      groups: [...approval.groups],
      reason: approval.reason,
      reasons: JSON.stringify(approval.reasons),
      requirement: JSON.stringify(approval.requirement),
      status: 'pending',
      created_at: approval.createdAt,
      expires_at: approval.expiresAt,
    })
  }

  /** Saves what `vote`, `consume`, `expire` and `cancel` change. */
  async save({ id, status, decidedAt, useBefore }: Approval): Promise<void> {
    await this.#db('approvals').where({ id }).update({ status, decided_at: decidedAt, use_before: useBefore })
  }

  async addVote({ id, callDigest }: Approval, { personId, verdict, comment, at }: Vote): Promise<void> {
    const vote = { approval_id: id, person_id: personId, verdict, comment, call_digest: callDigest, at }
    await this.#db('approval_votes').insert(vote)
  }

  /** Ends approvals that can be decided or used no more, at most `limit`. @returns those approvals, as they are now */
  async expire(now: Date, limit: number): Promise<readonly Approval[]> {
    return this.#endLive('expired', (live) => {
      void live
        .whereRaw("CASE status WHEN 'pending' THEN expires_at <= ? ELSE use_before <= ? END", [now, now])
        .limit(limit)
        .skipLocked()
    })
  }

  /** Ends every live approval of an agent or a token. @returns those approvals, as they are now */
  async cancelLive(of: { readonly agentId: string } | { readonly tokenChainId: string }): Promise<readonly Approval[]> {
    return this.#endLive('cancelled', (live) => {
      if ('agentId' in of) void live.where('agent_id', of.agentId)
      else void live.whereIn('token_id', this.#db('tokens').select('id').where('chain_id', of.tokenChainId))
      void live.orderBy('id')
    })
  }

  async #endLive(status: ApprovalStatus, choose: (live: Knex.QueryBuilder) => void): Promise<readonly Approval[]> {
    const chosen = this.#db('approvals')
      .select('id')
      .whereRaw("(status = 'pending' OR (status = 'approved' AND kind = 'call'))")
      .forUpdate()
    choose(chosen)
    const ended: { id: string }[] = await this.#db('approvals').whereIn('id', chosen).update({ status }).returning('id')
    const rows: ApprovalRow[] = await this.#select()
      .whereIn(
        'approvals.id',
        ended.map(({ id }) => id),
      )
      .orderBy(['approvals.created_at', 'approvals.id'])
    return rows.map(approvalFromRow)
  }

  #select(): Knex.QueryBuilder {
    return selectApproval(this.#db, this.#db('approvals'))
  }
}
