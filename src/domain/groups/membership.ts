import type { Knex } from 'knex'
import { environments } from '../../kernel/vocabulary.ts'

/** Which table says to which groups a kind of resource belongs, by which column, and where the resource's id is. */
export interface Membership {
  /** For example `agent_groups`. */
  readonly table: string
  /** For example `agent_id`. */
  readonly column: string
  /** For example `agents.id`. */
  readonly id: string
}

/** SQL for the names of a resource's groups: a text array, sorted by code point whatever the database's collation. */
export function groupNamesSql(db: Knex, { table, column, id }: Membership): Knex.Raw {
  return db.raw(
    'ARRAY(SELECT groups.name FROM ?? AS m JOIN groups ON groups.id = m.group_id WHERE m.?? = ?? ORDER BY groups.name COLLATE "C")',
    [table, column, id],
  )
}

/** SQL for the strictest environment among a resource's groups; '' when it has none. */
export function environmentSql(db: Knex, { table, column, id }: Membership): Knex.Raw {
  return db.raw(
    `COALESCE((SELECT groups.environment FROM ?? AS m JOIN groups ON groups.id = m.group_id WHERE m.?? = ??
      ORDER BY array_position(?::text[], groups.environment) LIMIT 1), '')`,
    [table, column, id, [...environments]],
  )
}

/** Keeps only resources that belong to at least one of the groups, given by name or id. */
export function whereInAnyGroup(
  query: Knex.QueryBuilder,
  { table, column, id }: Membership,
  groups: readonly string[],
): void {
  void query.whereRaw(
    `EXISTS (SELECT FROM ?? AS m JOIN groups ON groups.id = m.group_id
      WHERE m.?? = ?? AND (groups.name = ANY(?::text[]) OR groups.id = ANY(?::text[])))`,
    [table, column, id, [...groups], [...groups]],
  )
}

/** Makes the named groups, and no others, those of one resource. The names must exist. */
export async function replaceGroups(
  db: Knex,
  { table, column }: Membership,
  resourceId: string,
  names: readonly string[],
): Promise<void> {
  await db(table).where(column, resourceId).delete()
  await db.raw('INSERT INTO ?? (??, group_id) SELECT ?, groups.id FROM groups WHERE groups.name = ANY(?::text[])', [
    table,
    column,
    resourceId,
    [...names],
  ])
}
