import type { Knex } from 'knex'

/** Calls with the tokens of one chain that one replica let through in its present window. */
export interface CallCount {
  readonly chainId: string
  readonly calls: number
  readonly endsAt: Date
}

interface Row {
  readonly chain_id: string
  readonly calls: number
  readonly ends_at: Date
}

/** The only SQL about call counts: a row for each chain and replica that used it within the last minutes. */
export class CallCountStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Puts the counts of a replica in the place of its earlier ones. */
  async report(replicaId: string, counts: readonly CallCount[]): Promise<void> {
    await this.#db.raw(
      `INSERT INTO call_counts (chain_id, replica_id, calls, ends_at)
      SELECT chain_id, ?, calls, ends_at FROM unnest(?::text[], ?::integer[], ?::timestamptz[]) AS c (chain_id, calls, ends_at)
      ON CONFLICT (chain_id, replica_id) DO UPDATE SET calls = excluded.calls, ends_at = excluded.ends_at`,
      [
        replicaId,
        counts.map(({ chainId }) => chainId),
        counts.map(({ calls }) => calls),
        counts.map(({ endsAt }) => endsAt),
      ],
    )
  }

  /** What the other replicas reported of these chains, in windows that are still open. */
  async elsewhere(replicaId: string, chainIds: readonly string[], now: Date): Promise<readonly CallCount[]> {
    const { rows } = await this.#db.raw<{ rows: Row[] }>(
      `SELECT chain_id, calls, ends_at FROM call_counts
      WHERE chain_id = ANY(?::text[]) AND replica_id <> ? AND ends_at > ?`,
      [[...chainIds], replicaId, now],
    )
    return rows.map(({ chain_id: chainId, calls, ends_at: endsAt }) => ({ chainId, calls, endsAt }))
  }

  async forgetEnded(): Promise<void> {
    await this.#db('call_counts').whereRaw('ends_at < clock_timestamp()').delete()
  }
}
