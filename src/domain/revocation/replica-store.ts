import type { Knex } from 'knex'

/** Which replicas run on this database: each says again and again that it does. */
export class ReplicaStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Says that a replica is there. */
  async seen(id: string, at: Date): Promise<void> {
    await this.#db('replicas').insert({ id, started_at: at, seen_at: at }).onConflict('id').merge(['seen_at'])
  }

  /** Says that a replica stopped, and forgets those that were not heard of since long before. */
  async gone(id: string, silentSince: Date): Promise<void> {
    await this.#db('replicas').where({ id }).orWhere('seen_at', '<', silentSince).delete()
  }

  /** Those heard of since a time. */
  async live(since: Date): Promise<readonly string[]> {
    const rows: { id: string }[] = await this.#db('replicas').select('id').where('seen_at', '>', since).orderBy('id')
    return rows.map(({ id }) => id)
  }
}
