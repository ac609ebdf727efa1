import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Kill, KillKind, Receipt } from './kill.ts'
import { isKilledSql, whereMatched, whereReaching } from './matching-agents.ts'

interface KillRow {
  readonly id: string
  readonly kind: KillKind
  readonly target_id: string | null
  readonly target_name: string
  readonly reason: string
  readonly revoke: boolean
  readonly drill: boolean
  readonly in_force: boolean
  readonly created_at: Date
  readonly created_by: string
  readonly lifted_at: Date | null
  readonly lifted_by: string | null
}

interface ReceiptRow {
  readonly replica_id: string
  readonly confirmed_at: Date
  readonly epoch: string
  readonly calls_cut: number
  readonly ssh_sessions_cut: number
}

/** The only SQL about kills. Bound to a connection pool or to one transaction. */
export class KillStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async insert(kill: Kill): Promise<void> {
    await this.#db('kills').insert({
      id: kill.id,
      kind: kill.kind,
      target_id: kill.target?.id ?? null,
      target_name: kill.target?.name ?? '',
      reason: kill.reason,
      revoke: kill.revoke,
      drill: kill.drill,
      in_force: kill.inForce,
      created_at: kill.createdAt,
      created_by: kill.createdBy,
      applied_at: kill.drill ? kill.createdAt : null,
    })
  }

  async find(id: string): Promise<Kill | undefined> {
    const row: KillRow | undefined = await this.#db('kills').where({ id }).first()
    return row && fromRow(row)
  }

  async findForUpdate(id: string): Promise<Kill | undefined> {
    await this.#db('kills').select('id').where({ id }).forUpdate()
    return this.find(id)
  }

  /** @param filter.groups names; left out: all kills */
  async list(
    { inForce, groups }: { readonly inForce?: boolean; readonly groups?: readonly string[] },
    page: Page,
  ): Promise<Result<Paged<Kill>, Fault>> {
    const query = this.#db('kills').select('kills.*')
    if (inForce !== undefined) void query.where('kills.in_force', inForce)
    if (groups !== undefined) whereReaching(query, groups)
    return paginate(query, { createdAt: 'kills.created_at', id: 'kills.id' }, page, fromRow)
  }

  /** Kills whose agents were not all stopped, ordered before a time: their gateway stopped in the middle. */
  async unapplied(before: Date): Promise<readonly Kill[]> {
    const rows: KillRow[] = await this.#db('kills').whereNull('applied_at').where('created_at', '<', before)
    return rows.map(fromRow)
  }

  /** Notes that every agent is stopped. @param inForce whether it goes on matching new ones */
  async markApplied(id: string, { at, inForce }: { readonly at: Date; readonly inForce: boolean }): Promise<void> {
    const applied = { applied_at: at, in_force: this.#db.raw('in_force AND ?::boolean', [inForce]) }
    await this.#db('kills').where({ id }).update(applied)
  }

  async lift(id: string, { at, by }: { readonly at: Date; readonly by: string }): Promise<void> {
    await this.#db('kills').where({ id }).update({ in_force: false, lifted_at: at, lifted_by: by })
  }

  /** The agents that a kill still has to stop, oldest first. */
  async agentsToStop(kill: Pick<Kill, 'kind' | 'target' | 'revoke'>): Promise<readonly string[]> {
    const query = this.#db('agents').select('agents.id').orderBy('agents.id')
    void query.whereIn('agents.status', kill.revoke ? ['active', 'suspended'] : ['active'])
    whereMatched(query, this.#db, kill)
    return idsOf(await query)
  }

  /** Every agent that a kill matches, whatever its status. */
  async agentsMatched(kill: Pick<Kill, 'kind' | 'target'>): Promise<readonly string[]> {
    const query = this.#db('agents').select('agents.id')
    whereMatched(query, this.#db, kill)
    return idsOf(await query)
  }

  /** Names of all groups that a person's agents are in. */
  async groupsOfAgentsOf(ownerId: string): Promise<readonly string[]> {
    const rows: { name: string }[] = await this.#db('agent_groups')
      .join('agents', 'agents.id', 'agent_groups.agent_id')
      .join('groups', 'groups.id', 'agent_groups.group_id')
      .where('agents.owner_id', ownerId)
      .distinct('groups.name')
    return rows.map(({ name }) => name)
  }

  /** Whether a kill in force matches the agent. */
  async stops(agentId: string): Promise<boolean> {
    const rows: unknown[] = await this.#db('agents')
      .select('agents.id')
      .where('agents.id', agentId)
      .where(isKilledSql(this.#db))
    return rows.length > 0
  }

  /** Kills ordered after a time that a replica has not confirmed. */
  async unconfirmedBy(replica: string, since: Date): Promise<readonly Kill[]> {
    const confirmed = this.#db('kill_receipts').select('kill_id').where('replica_id', replica)
    const rows: KillRow[] = await this.#db('kills').where('created_at', '>', since).whereNotIn('id', confirmed)
    return rows.map(fromRow)
  }

  async confirm(killId: string, receipt: Receipt): Promise<void> {
    await this.#db('kill_receipts')
      .insert({
        kill_id: killId,
        replica_id: receipt.replica,
        confirmed_at: receipt.confirmedAt,
        epoch: receipt.epoch,
        calls_cut: receipt.callsCut,
        ssh_sessions_cut: receipt.sshSessionsCut,
      })
      .onConflict(['kill_id', 'replica_id'])
      .ignore()
  }

  async receipts(killId: string): Promise<readonly Receipt[]> {
    const rows: ReceiptRow[] = await this.#db('kill_receipts').where('kill_id', killId).orderBy('confirmed_at')
    return rows.map((row) => ({
      replica: row.replica_id,
      confirmedAt: row.confirmed_at,
      epoch: Number(row.epoch),
      callsCut: row.calls_cut,
      sshSessionsCut: row.ssh_sessions_cut,
    }))
  }
}

function fromRow(row: KillRow): Kill {
  return {
    id: row.id,
    kind: row.kind,
    target: row.target_id === null ? null : { id: row.target_id, name: row.target_name },
    reason: row.reason,
    revoke: row.revoke,
    drill: row.drill,
    inForce: row.in_force,
    createdAt: row.created_at,
    createdBy: row.created_by,
    liftedAt: row.lifted_at,
    liftedBy: row.lifted_by,
  }
}

function idsOf(rows: readonly { readonly id: string }[]): readonly string[] {
  return rows.map(({ id }) => id)
}
