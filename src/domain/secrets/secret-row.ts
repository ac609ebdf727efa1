import type { Knex } from 'knex'
import type { Environment } from '../../kernel/vocabulary.ts'
import { environmentSql, groupNamesSql, type Membership } from '../groups/membership.ts'
import type { Disclosure, SecretKind, SecretRecord, SecretVersion } from './secret.ts'

export const secretMembership: Membership = { table: 'secret_groups', column: 'secret_id', id: 'secrets.id' }

/** A secret as `selectSecret` returns it. */
export interface SecretRow {
  readonly id: string
  readonly name: string
  readonly kind: SecretKind
  readonly owner_id: string | null
  readonly owner: string | null
  readonly type: string
  readonly description: string
  readonly disclosure: Disclosure
  readonly groups: string[]
  readonly environment: Environment | ''
  readonly current_version: number
  readonly created_at: Date
  readonly created_by: string
}

export interface SecretVersionRow {
  readonly version: number
  readonly store_path: string
  readonly store_version: string
  readonly restored_from: number | null
  readonly source_path: string | null
  readonly source_field: string | null
  readonly created_at: Date
  readonly created_by: string
}

/** Reads secrets that are not deleted. */
export function selectSecret(db: Knex): Knex.QueryBuilder {
  return db('secrets')
    .leftJoin('people', 'people.id', 'secrets.owner_id')
    .whereNull('secrets.deleted_at')
    .select('secrets.*', { owner: 'people.email' })
    .select({ groups: groupNamesSql(db, secretMembership), environment: environmentSql(db, secretMembership) })
}

export function secretFromRow(row: SecretRow): SecretRecord {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    ownerId: row.owner_id,
    owner: row.owner,
    type: row.type,
    description: row.description,
    disclosure: row.disclosure,
    groups: row.groups,
    environment: row.environment,
    currentVersion: row.current_version,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}

export function secretVersionFromRow(row: SecretVersionRow): SecretVersion {
  return {
    version: row.version,
    storePath: row.store_path,
    storeVersion: row.store_version,
    restoredFrom: row.restored_from,
    source:
      row.source_path === null || row.source_field === null ? null : { path: row.source_path, field: row.source_field },
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}
