import type { Knex } from 'knex'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type NamePage, type Page, type Paged, paginate, paginateByName } from '../page.ts'
import type { SecretDraft, SecretKind, SecretRecord, SecretVersion } from './secret.ts'
import {
  type SecretRow,
  type SecretVersionRow,
  secretFromRow,
  secretMembership,
  secretVersionFromRow,
  selectSecret,
} from './secret-row.ts'

export interface SecretFilter {
  readonly kind?: SecretKind
  /** Names or ids. Shared secrets in any of them, and the private ones of `ownerId`; left out: all secrets. */
  readonly groups?: readonly string[]
  readonly ownerId?: string
}

export interface ReachableSecrets {
  readonly kind: SecretKind
  /** Names of the groups that the agent effectively has. */
  readonly groups: readonly string[]
  /** The agent's owner. */
  readonly ownerId: string
  /** A part of the name, in any case. */
  readonly query?: string
}

/** The only SQL about secrets and their versions. It never sees a value. Deleted ones are not found. */
export class SecretStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by the unique name. A secret that is named like the id of another does not hide that one. */
  async find(idOrName: string): Promise<SecretRecord | undefined> {
    const row: SecretRow | undefined = await byIdOrName(selectSecret(this.#db), idOrName).first()
    return row && secretFromRow(row)
  }

  /** Finds by the name alone: agents know no ids. */
  async findByName(name: string): Promise<SecretRecord | undefined> {
    const row: SecretRow | undefined = await selectSecret(this.#db).where('secrets.name', name).first()
    return row && secretFromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(idOrName: string): Promise<SecretRecord | undefined> {
    const found: { id: string } | undefined = await byIdOrName(
      this.#db('secrets').whereNull('secrets.deleted_at'),
      idOrName,
    )
      .forUpdate()
      .first('secrets.id')
    return found && this.find(found.id)
  }

  async list({ kind, groups, ownerId }: SecretFilter, page: Page): Promise<Result<Paged<SecretRecord>, Fault>> {
    const query = selectSecret(this.#db)
    if (kind !== undefined) void query.where('secrets.kind', kind)
    if (groups !== undefined) {
      void query.where(
        (either) =>
          void either
            .where((shared) => whereInAnyGroup(shared.where('secrets.kind', 'shared'), secretMembership, groups))
            .orWhere({ 'secrets.kind': 'private', 'secrets.owner_id': ownerId ?? null }),
      )
    }
    return paginate(query, { createdAt: 'secrets.created_at', id: 'secrets.id' }, page, secretFromRow)
  }

  /**
   * Secrets of a kind that an agent could be allowed to ask for, by name: shared ones that share a group with it, private
   * ones of its owner. It only narrows what policy then decides on, which is sound while no rule may allow across groups.
   */
  async listReachable(
    { kind, groups, ownerId, query }: ReachableSecrets,
    page: NamePage,
  ): Promise<Result<Paged<SecretRecord>, Fault>> {
    const secrets = selectSecret(this.#db).where('secrets.kind', kind)
    if (kind === 'shared') whereInAnyGroup(secrets, secretMembership, groups)
    else void secrets.where('secrets.owner_id', ownerId)
    if (query !== undefined) void secrets.whereRaw('strpos(secrets.name, lower(?)) > 0', [query])
    return paginateByName(secrets, 'secrets.name', page, secretFromRow)
  }

  /** @returns the registered secret, or undefined when the name is taken */
  async insert(secret: SecretDraft): Promise<SecretRecord | undefined> {
    const inserted: unknown[] = await this.#db('secrets')
      .insert({
        id: secret.id,
        name: secret.name,
        kind: secret.kind,
        owner_id: secret.ownerId,
        created_at: secret.createdAt,
        created_by: secret.createdBy,
        ...mutable(secret),
      })
      .onConflict(this.#db.raw('(name) WHERE deleted_at IS NULL'))
      .ignore()
      .returning('id')
    if (inserted.length === 0) return undefined
    await replaceGroups(this.#db, secretMembership, secret.id, secret.groups)
    return this.#reread(secret.id)
  }

  /** @returns the secret as it is now: its environment may follow from other groups */
  async save(secret: SecretDraft): Promise<SecretRecord> {
    await this.#db('secrets').where('id', secret.id).update(mutable(secret))
    await replaceGroups(this.#db, secretMembership, secret.id, secret.groups)
    return this.#reread(secret.id)
  }

  /** Hides the secret from now on; its name is free again. */
  async delete(id: string, at: Date): Promise<void> {
    await this.#db('secrets').where('id', id).update({ deleted_at: at })
  }

  /** One version of a secret that is not deleted. */
  async findVersion(secretId: string, version: number): Promise<SecretVersion | undefined> {
    const row: SecretVersionRow | undefined = await this.#versions(secretId)
      .where('secret_versions.version', version)
      .first()
    return row && secretVersionFromRow(row)
  }

  /** The versions of a secret, the newest first unless asked otherwise. */
  async listVersions(secretId: string, page: Page): Promise<Result<Paged<SecretVersion>, Fault>> {
    const query = this.#versions(secretId)
      .orderBy('secret_versions.version', page.order)
      .limit(page.limit + 1)
    if (page.cursor !== undefined) {
      if (!/^\d{1,9}$/.test(page.cursor))
        return err(fault('ARGUMENT_INVALID', { message: 'cursor is not one that a list returned' }))
      void query.where('secret_versions.version', page.order === 'asc' ? '>' : '<', Number(page.cursor))
    }
    const rows: SecretVersionRow[] = await query
    const items = rows.slice(0, page.limit).map(secretVersionFromRow)
    return ok({ items, nextCursor: rows.length > page.limit ? String(items.at(-1)?.version) : null })
  }

  async insertVersion(secretId: string, version: SecretVersion): Promise<void> {
    await this.#db('secret_versions').insert({
      secret_id: secretId,
      version: version.version,
      store_path: version.storePath,
      store_version: version.storeVersion,
      restored_from: version.restoredFrom,
      source_path: version.source?.path ?? null,
      source_field: version.source?.field ?? null,
      created_at: version.createdAt,
      created_by: version.createdBy,
    })
  }

  #versions(secretId: string): Knex.QueryBuilder {
    return this.#db('secret_versions')
      .join('secrets', 'secrets.id', 'secret_versions.secret_id')
      .where('secrets.id', secretId)
      .whereNull('secrets.deleted_at')
      .select('secret_versions.*')
  }

  async #reread(id: string): Promise<SecretRecord> {
    const secret = await this.find(id)
    if (secret === undefined) throw new Error(`secret ${id} vanished within its transaction`)
    return secret
  }
}

function byIdOrName(query: Knex.QueryBuilder, idOrName: string): Knex.QueryBuilder {
  return query
    .where((either) => void either.where('secrets.id', idOrName).orWhere('secrets.name', idOrName))
    .orderByRaw('secrets.id = ? DESC', [idOrName])
}

function mutable(secret: SecretDraft): object {
  return {
    type: secret.type,
    description: secret.description,
    disclosure: secret.disclosure,
    current_version: secret.currentVersion,
  }
}
