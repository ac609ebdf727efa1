import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Approval, ApprovalStatus } from './approval.ts'
import { type ApprovalRow, approvalFromRow, selectApproval } from './approval-row.ts'

export interface ApprovalFilter {
  readonly status?: ApprovalStatus
  /** Id or name. */
  readonly agent?: string
  /** Names; approvals for resources in any of them. */
  readonly groups?: readonly string[]
}

export type NewApproval = Omit<Approval, 'agent' | 'status'> & { readonly agentId: string }

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
    if (groups !== undefined)
      void query.whereRaw("jsonb_exists_any(approvals.resource -> 'groups', ?::text[])", [[...groups]])
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

  /** The pending approval of exactly this call, which may have run out. */
  async findPending(agentId: string, callDigest: string): Promise<Approval | undefined> {
    const pending = {
      'approvals.agent_id': agentId,
      'approvals.call_digest': callDigest,
      'approvals.status': 'pending',
    }
    const row: ApprovalRow | undefined = await this.#select().where(pending).first()
    return row && approvalFromRow(row)
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
      agent_id: approval.agentId,
      token_id: approval.tokenId,
      session_id: approval.sessionId,
      call_digest: approval.callDigest,
      action: approval.action,
      tool: approval.tool,
      arguments: JSON.stringify(approval.arguments),
      resource: JSON.stringify(approval.resource),
      reasons: JSON.stringify(approval.reasons),
      requirement: JSON.stringify(approval.requirement),
      status: 'pending',
      created_at: approval.createdAt,
      expires_at: approval.expiresAt,
    })
  }

  /** Ends pending approvals that can be decided no more, at most `limit`. @returns those approvals, as they are now */
  async expire(now: Date, limit: number): Promise<readonly Approval[]> {
    return this.#endPending(
      'expired',
      (pending) => void pending.where('expires_at', '<=', now).orderBy('expires_at').limit(limit).skipLocked(),
    )
  }

  /** Ends one pending approval that ran out. @returns it as it is now, or undefined when it is not pending any more */
  async expireOne(id: string): Promise<Approval | undefined> {
    const [expired] = await this.#endPending('expired', (pending) => void pending.where({ id }))
    return expired
  }

  /** Ends every pending approval of an agent or a token. @returns those approvals, as they are now */
  async cancelPending(
    of: { readonly agentId: string } | { readonly tokenChainId: string },
  ): Promise<readonly Approval[]> {
    return this.#endPending('cancelled', (pending) => {
      if ('agentId' in of) void pending.where('agent_id', of.agentId)
      else void pending.whereIn('token_id', this.#db('tokens').select('id').where('chain_id', of.tokenChainId))
      void pending.orderBy('id')
    })
  }

  async #endPending(
    status: ApprovalStatus,
    choose: (pending: Knex.QueryBuilder) => void,
  ): Promise<readonly Approval[]> {
    const chosen = this.#db('approvals').select('id').where('status', 'pending').forUpdate()
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
    return selectApproval(this.#db('approvals'))
  }
}
