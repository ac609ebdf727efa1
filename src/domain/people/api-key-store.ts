import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import type { ApiKey, ApiKeyPrincipal } from './api-key.ts'
import { type PersonRow, personFromRow, selectPerson } from './person-row.ts'

interface ApiKeyRow extends PersonRow {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly created_at: Date
  readonly created_by: string
  readonly minters: string[]
}

/** The only SQL about API keys. Bound to a connection pool or to one transaction. */
export class ApiKeyStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** @param hash `bearerHash` of the value */
  async findPrincipal(hash: Buffer): Promise<ApiKeyPrincipal | undefined> {
    const row: ApiKeyRow | undefined = await this.#select().where('api_keys.hash', hash).first()
    return row && { apiKey: fromRow(row), person: personFromRow(row) }
  }

  async find(id: string): Promise<ApiKeyPrincipal | undefined> {
    const row: ApiKeyRow | undefined = await this.#select().where('api_keys.id', id).first()
    return row && { apiKey: fromRow(row), person: personFromRow(row) }
  }

  /** As `find`, and keeps the key locked until the transaction ends. */
  async findForUpdate(id: string): Promise<ApiKeyPrincipal | undefined> {
    await this.#db('api_keys').select('id').where('id', id).forUpdate()
    return this.find(id)
  }

  /** @param filter.person id or e-mail */
  async list(filter: { readonly person?: string }, page: Page): Promise<Result<Paged<ApiKey>, Fault>> {
    const query = this.#select()
    const { person } = filter
    if (person !== undefined)
      void query.where((either) => void either.where('people.id', person).orWhere('people.email', person.toLowerCase()))
    return paginate(query, { createdAt: 'api_keys.created_at', id: 'api_keys.id' }, page, fromRow)
  }

  async insert(apiKey: ApiKey, hash: Buffer): Promise<void> {
    await this.#db('api_keys').insert({
      id: apiKey.id,
      person_id: apiKey.personId,
      name: apiKey.name,
      prefix: apiKey.prefix,
      hash,
      expires_at: apiKey.expiresAt,
      revoked_at: apiKey.revokedAt,
      created_at: apiKey.createdAt,
      created_by: apiKey.createdBy,
      minters: [...apiKey.minters],
    })
  }

  async save(apiKey: ApiKey): Promise<void> {
    await this.#db('api_keys').where('id', apiKey.id).update({ revoked_at: apiKey.revokedAt })
  }

  #select(): Knex.QueryBuilder {
    const query = this.#db('api_keys')
      .join('people', 'people.id', 'api_keys.person_id')
      .select('api_keys.id', 'api_keys.name', 'api_keys.prefix', 'api_keys.expires_at', 'api_keys.revoked_at')
      .select('api_keys.created_at', 'api_keys.created_by', 'api_keys.minters')
    return selectPerson(this.#db, query)
  }
}

function fromRow(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    personId: row.person_id,
    person: row.person_email,
    name: row.name,
    prefix: row.prefix,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    createdAt: row.created_at,
    createdBy: row.created_by,
    minters: row.minters,
  }
}
