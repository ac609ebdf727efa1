import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { Person } from './person.ts'
import { type PersonRow, personFromRow, personMembership, selectPerson } from './person-row.ts'

/** The only SQL about people. Bound to a connection pool or to one transaction. */
export class PersonStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by e-mail in any case. */
  async find(idOrEmail: string): Promise<Person | undefined> {
    const row: PersonRow | undefined = await whereIdOrEmail(
      selectPerson(this.#db, this.#db('people')),
      idOrEmail,
    ).first()
    return row && personFromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(idOrEmail: string): Promise<Person | undefined> {
    await whereIdOrEmail(this.#db('people').select('people.id'), idOrEmail).forUpdate()
    return this.find(idOrEmail)
  }

  /** @param filter.groups names or ids; people in any of them */
  async list(filter: { readonly groups?: readonly string[] }, page: Page): Promise<Result<Paged<Person>, Fault>> {
    const query = selectPerson(this.#db, this.#db('people'))
    if (filter.groups !== undefined) whereInAnyGroup(query, personMembership, filter.groups)
    return paginate(query, { createdAt: 'people.created_at', id: 'people.id' }, page, personFromRow)
  }

  /** @returns false when the e-mail is taken */
  async insert(person: Person): Promise<boolean> {
    const inserted: unknown[] = await this.#db('people')
      .insert({
        id: person.id,
        email: person.email,
        created_at: person.createdAt,
        created_by: person.createdBy,
        ...mutable(person),
      })
      .onConflict('email')
      .ignore()
      .returning('id')
    if (inserted.length === 0) return false
    await replaceGroups(this.#db, personMembership, person.id, person.groups)
    return true
  }

  async save(person: Person): Promise<void> {
    await this.#db('people').where('id', person.id).update(mutable(person))
    await replaceGroups(this.#db, personMembership, person.id, person.groups)
  }
}

function whereIdOrEmail(query: Knex.QueryBuilder, idOrEmail: string): Knex.QueryBuilder {
  return query.where('people.id', idOrEmail).orWhere('people.email', idOrEmail.toLowerCase())
}

function mutable(person: Person): object {
  return { name: person.name, role: person.role, disabled_at: person.disabledAt }
}
