import type { Knex } from 'knex'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Group } from './group.ts'

interface GroupRow {
  readonly id: string
  readonly name: string
  readonly environment: Environment
  readonly description: string
  readonly domains: string[]
  readonly probe_targets: string[]
  readonly vault_prefixes: string[]
  readonly created_at: Date
  readonly created_by: string
}

/** The only SQL about groups themselves. Bound to a connection pool or to one transaction. */
export class GroupStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by the unique name. */
  async find(idOrName: string): Promise<Group | undefined> {
    const row: GroupRow | undefined = await this.#byIdOrName(idOrName).first()
    return row && fromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(idOrName: string): Promise<Group | undefined> {
    const row: GroupRow | undefined = await this.#byIdOrName(idOrName).forUpdate().first()
    return row && fromRow(row)
  }

  /**
   * The names behind names and ids, sorted, each once.
   * @returns REFERENCE_UNKNOWN naming those that are no group
   */
  async resolve(idsOrNames: readonly string[]): Promise<Result<readonly string[], Fault>> {
    const rows: Pick<GroupRow, 'id' | 'name'>[] = await this.#db('groups')
      .select('id', 'name')
      .whereIn('name', idsOrNames)
      .orWhereIn('id', idsOrNames)
    const unknown = idsOrNames.filter((given) => !rows.some(({ id, name }) => id === given || name === given))
    if (unknown.length > 0) return err(fault('REFERENCE_UNKNOWN', { message: `No group ${unknown.join(', ')}` }))
    return ok(rows.map(({ name }) => name).sort())
  }

  /** The Vault prefixes of all these groups together. */
  async vaultPrefixes(names: readonly string[]): Promise<readonly string[]> {
    const rows: Pick<GroupRow, 'vault_prefixes'>[] = await this.#db('groups')
      .select('vault_prefixes')
      .whereIn('name', names)
    return rows.flatMap((row) => row.vault_prefixes)
  }

  /** The names that certificates of these groups may have, all together. @param idsOrNames others count for nothing */
  async domains(idsOrNames: readonly string[]): Promise<readonly string[]> {
    const rows: Pick<GroupRow, 'domains'>[] = await this.#db('groups')
      .select('domains')
      .whereIn('name', idsOrNames)
      .orWhereIn('id', idsOrNames)
    return [...new Set(rows.flatMap(({ domains }) => domains))].sort()
  }

  /** Groups that list what may be probed, by name. */
  async withProbeTargets(): Promise<readonly Pick<Group, 'name' | 'environment' | 'probeTargets'>[]> {
    const rows: Pick<GroupRow, 'name' | 'environment' | 'probe_targets'>[] = await this.#db('groups')
      .select('name', 'environment', 'probe_targets')
      .whereRaw('cardinality(probe_targets) > 0')
      .orderBy('name')
    return rows.map(({ name, environment, probe_targets: probeTargets }) => ({ name, environment, probeTargets }))
  }

  /** Every group's name, sorted. */
  async names(): Promise<readonly string[]> {
    const rows: { name: string }[] = await this.#db('groups')
      .select('groups.name')
      .orderByRaw('groups.name COLLATE "C"')
    return rows.map(({ name }) => name)
  }

  /** @param filter.groups names or ids; others are left out */
  async list(filter: { readonly groups?: readonly string[] }, page: Page): Promise<Result<Paged<Group>, Fault>> {
    const query = this.#db('groups').select('groups.*')
    const { groups } = filter
    if (groups !== undefined)
      void query.where((either) => void either.whereIn('groups.name', groups).orWhereIn('groups.id', groups))
    return paginate(query, { createdAt: 'groups.created_at', id: 'groups.id' }, page, fromRow)
  }

  /** @returns false when the name is taken */
  async insert(group: Group): Promise<boolean> {
    const inserted: unknown[] = await this.#db('groups')
      .insert({
        id: group.id,
        name: group.name,
        created_at: group.createdAt,
        created_by: group.createdBy,
        ...mutable(group),
      })
      .onConflict('name')
      .ignore()
      .returning('id')
    return inserted.length > 0
  }

  async save(group: Group): Promise<void> {
    await this.#db('groups').where('id', group.id).update(mutable(group))
  }

  #byIdOrName(idOrName: string): Knex.QueryBuilder {
    return this.#db('groups').where('id', idOrName).orWhere('name', idOrName)
  }
}

function mutable(group: Group): object {
  return {
    environment: group.environment,
    description: group.description,
    domains: group.domains,
    probe_targets: group.probeTargets,
    vault_prefixes: group.vaultPrefixes,
  }
}

function fromRow(row: GroupRow): Group {
  return {
    id: row.id,
    name: row.name,
    environment: row.environment,
    description: row.description,
    domains: row.domains,
    probeTargets: row.probe_targets,
    vaultPrefixes: row.vault_prefixes,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}
