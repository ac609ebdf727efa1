import type { Knex } from 'knex'

/** The answers to http-01 challenges, which any replica gives. The only SQL about them. */
export class ChallengeStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async put(token: string, keyAuthorization: string, now: Date): Promise<void> {
    await this.#db('acme_challenges')
      .insert({ token, key_authorization: keyAuthorization, created_at: now })
      .onConflict('token')
      .ignore()
  }

  async find(token: string): Promise<string | undefined> {
    const row: { key_authorization: string } | undefined = await this.#db('acme_challenges').where({ token }).first()
    return row?.key_authorization
  }

  async remove(token: string): Promise<void> {
    await this.#db('acme_challenges').where({ token }).delete()
  }
}
