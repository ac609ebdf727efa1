import type { Knex } from 'knex'
import type { Role } from '../../kernel/vocabulary.ts'
import { groupNamesSql, type Membership } from '../groups/membership.ts'
import type { Person } from './person.ts'

export const personMembership: Membership = { table: 'person_groups', column: 'person_id', id: 'people.id' }

/** A person as `selectPerson` returns them; the prefix keeps them apart from what they are joined to. */
export interface PersonRow {
  readonly person_id: string
  readonly person_email: string
  readonly person_name: string
  readonly person_role: Role
  readonly person_groups: string[]
  readonly person_disabled_at: Date | null
  readonly person_created_at: Date
  readonly person_created_by: string
}

/** Adds a person's columns to a query that reads or joins `people`. */
export function selectPerson(db: Knex, query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query.select({
    person_id: 'people.id',
    person_email: 'people.email',
    person_name: 'people.name',
    person_role: 'people.role',
    person_groups: groupNamesSql(db, personMembership),
    person_disabled_at: 'people.disabled_at',
    person_created_at: 'people.created_at',
    person_created_by: 'people.created_by',
  })
}

export function personFromRow(row: PersonRow): Person {
  return {
    id: row.person_id,
    email: row.person_email,
    name: row.person_name,
    role: row.person_role,
    groups: row.person_groups,
    disabledAt: row.person_disabled_at,
    createdAt: row.person_created_at,
    createdBy: row.person_created_by,
  }
}
