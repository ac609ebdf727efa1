import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import { environmentSql, groupNamesSql, type Membership, replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type NamePage, type Page, type Paged, paginate, paginateByName } from '../page.ts'
import type { Host, HostCredential, HostDraft } from './host.ts'
import type { HostMode } from './host.schema.ts'

const membership: Membership = { table: 'host_groups', column: 'host_id', id: 'hosts.id' }

interface HostRow {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly port: number
  readonly groups: string[]
  readonly environment: Environment
  readonly principals: string[]
  readonly modes: HostMode[]
  readonly host_keys: string[]
  readonly credential: HostCredential
  readonly created_at: Date
  readonly created_by: string
}

export interface ReachableFilter {
  /** Names of the groups that the agent effectively has. */
  readonly groups: readonly string[]
  /** A part of the name, in any case. */
  readonly query?: string
}

/** The only SQL about hosts. Bound to a connection pool or to one transaction. */
export class HostStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by the unique name. */
  async find(idOrName: string): Promise<Host | undefined> {
    const row: HostRow | undefined = await whereIdOrName(this.#select(), idOrName).first()
    return row && fromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(idOrName: string): Promise<Host | undefined> {
    await whereIdOrName(this.#db('hosts').select('hosts.id'), idOrName).forUpdate()
    return this.find(idOrName)
  }

  /** @param filter.groups names or ids; hosts in any of them */
  async list(filter: { readonly groups?: readonly string[] }, page: Page): Promise<Result<Paged<Host>, Fault>> {
    const query = this.#select()
    if (filter.groups !== undefined) whereInAnyGroup(query, membership, filter.groups)
    return paginate(query, { createdAt: 'hosts.created_at', id: 'hosts.id' }, page, fromRow)
  }

  /**
   * Hosts that share a group with an agent, by name. It only narrows what policy then decides on, which is sound while no
   * rule may allow across groups.
   */
  async listReachable({ groups, query }: ReachableFilter, page: NamePage): Promise<Result<Paged<Host>, Fault>> {
    const hosts = this.#select()
    whereInAnyGroup(hosts, membership, groups)
    if (query !== undefined) void hosts.whereRaw('strpos(hosts.name, lower(?)) > 0', [query])
    return paginateByName(hosts, 'hosts.name', page, fromRow)
  }

  /** @returns the registered host, or undefined when the name is taken */
  async insert(host: HostDraft): Promise<Host | undefined> {
    const inserted: unknown[] = await this.#db('hosts')
      .insert({
        id: host.id,
        name: host.name,
        created_at: host.createdAt,
        created_by: host.createdBy,
        ...mutable(host),
      })
      .onConflict('name')
      .ignore()
      .returning('id')
    if (inserted.length === 0) return undefined
    await replaceGroups(this.#db, membership, host.id, host.groups)
    return this.#reread(host.id)
  }

  /** @returns the host as it is now: its environment may follow from other groups */
  async save(host: HostDraft): Promise<Host> {
    await this.#db('hosts').where('id', host.id).update(mutable(host))
    await replaceGroups(this.#db, membership, host.id, host.groups)
    return this.#reread(host.id)
  }

  async #reread(id: string): Promise<Host> {
    const host = await this.find(id)
    if (host === undefined) throw new Error(`host ${id} vanished within its transaction`)
    return host
  }

  #select(): Knex.QueryBuilder {
    return this.#db('hosts')
      .select('hosts.*')
      .select({ groups: groupNamesSql(this.#db, membership), environment: environmentSql(this.#db, membership) })
  }
}

function whereIdOrName(query: Knex.QueryBuilder, idOrName: string): Knex.QueryBuilder {
  return query.where('hosts.id', idOrName).orWhere('hosts.name', idOrName)
}

function mutable(host: HostDraft): object {
  return {
    address: host.address,
    port: host.port,
    principals: host.principals,
    modes: host.modes,
    host_keys: host.hostKeys,
    credential: JSON.stringify(host.credential),
  }
}

function fromRow(row: HostRow): Host {
  return {
    id: row.id,
    name: row.name,
    address: row.address,
    port: row.port,
    groups: row.groups,
    environment: row.environment,
    principals: row.principals,
    modes: row.modes,
    hostKeys: row.host_keys,
    credential: row.credential,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}
