import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Agent } from './agent.ts'
import { type AgentRow, agentFromRow, agentMembership, selectAgent } from './agent-row.ts'

export interface AgentFilter {
  /** Id or e-mail of the owner. */
  readonly owner?: string
  /** Names or ids; agents in any of them. */
  readonly groups?: readonly string[]
}

/** The only SQL about agents. Bound to a connection pool or to one transaction. */
export class AgentStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by the unique name. */
  async find(idOrName: string): Promise<Agent | undefined> {
    const row: AgentRow | undefined = await whereIdOrName(this.#select(), idOrName).first()
    return row && agentFromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(idOrName: string): Promise<Agent | undefined> {
    await whereIdOrName(this.#db('agents').select('agents.id'), idOrName).forUpdate()
    return this.find(idOrName)
  }

  /** The active agents that a person owns, each locked until the transaction ends. */
  async findActiveOfOwnerForUpdate(ownerId: string): Promise<readonly Agent[]> {
    const active = { 'agents.owner_id': ownerId, 'agents.status': 'active' }
    await this.#db('agents').select('agents.id').where(active).orderBy('agents.id').forUpdate()
    const rows: AgentRow[] = await this.#select().where(active).orderBy('agents.id')
    return rows.map(agentFromRow)
  }

  async list({ owner, groups }: AgentFilter, page: Page): Promise<Result<Paged<Agent>, Fault>> {
    const query = this.#select()
    if (owner !== undefined)
      void query.where((either) => void either.where('people.id', owner).orWhere('people.email', owner.toLowerCase()))
    if (groups !== undefined) whereInAnyGroup(query, agentMembership, groups)
    return paginate(query, { createdAt: 'agents.created_at', id: 'agents.id' }, page, agentFromRow)
  }

  /** @returns false when the name is taken */
  async insert(agent: Agent): Promise<boolean> {
    const inserted: unknown[] = await this.#db('agents')
      .insert({
        id: agent.id,
        name: agent.name,
        created_at: agent.createdAt,
        created_by: agent.createdBy,
        ...mutable(agent),
      })
      .onConflict('name')
      .ignore()
      .returning('id')
    if (inserted.length === 0) return false
    await replaceGroups(this.#db, agentMembership, agent.id, agent.groups)
    return true
  }

  async save(agent: Agent): Promise<void> {
    await this.#db('agents').where('agents.id', agent.id).update(mutable(agent))
    await replaceGroups(this.#db, agentMembership, agent.id, agent.groups)
  }

  #select(): Knex.QueryBuilder {
    return selectAgent(this.#db, this.#db('agents').join('people', 'people.id', 'agents.owner_id'))
  }
}

function whereIdOrName(query: Knex.QueryBuilder, idOrName: string): Knex.QueryBuilder {
  return query.where('agents.id', idOrName).orWhere('agents.name', idOrName)
}

function mutable(agent: Agent): object {
  return {
    description: agent.description,
    owner_id: agent.ownerId,
    risk_level: agent.riskLevel,
    scopes: agent.scopes,
    status: agent.status,
  }
}
