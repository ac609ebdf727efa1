import type { Knex } from 'knex'

/** One request as its caller numbered it. */
export interface NumberedRequest {
  readonly principalId: string
  /** The caller's `Idempotency-Key`. */
  readonly key: string
  /** HMAC over method, path and content: tells another request from the same one, and nothing of what it held. */
  readonly mac: Buffer
}

export interface StoredAnswer {
  readonly status: number
  /** JSON without what is shown only once. */
  readonly body: string
}

/** What is known of a numbered request. */
export type Claim =
  | { readonly kind: 'new' }
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'other' }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }

interface Row {
  readonly request_mac: Buffer
  readonly status: number | null
  readonly answer: string | null
}

/** The only SQL about idempotency keys. A key is remembered for a day. */
export class IdempotencyStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Of requests under the same key, at whichever replica, exactly one is `new`. */
  async claim({ principalId, key, mac }: NumberedRequest): Promise<Claim> {
    const row = { principal_id: principalId, key, request_mac: mac }
    const claimed = await this.#db('idempotency_keys').insert(row).onConflict().ignore().returning('key')
    if (claimed.length > 0) return { kind: 'new' }
    const known: Row | undefined = await this.#of({ principalId, key }).first('request_mac', 'status', 'answer')
    // It was released in between: the caller may try again.
    if (known === undefined) return { kind: 'unanswered' }
    if (!known.request_mac.equals(mac)) return { kind: 'other' }
    if (known.status === null || known.answer === null) return { kind: 'unanswered' }
    return { kind: 'answered', answer: { status: known.status, body: known.answer } }
  }

  async answered(of: Omit<NumberedRequest, 'mac'>, { status, body }: StoredAnswer): Promise<void> {
    await this.#of(of).update({ status, answer: body })
  }

  /** For a request that was refused: nothing happened, so the key may be used again. */
  async release(of: Omit<NumberedRequest, 'mac'>): Promise<void> {
    await this.#of(of).whereNull('status').delete()
  }

  async forgetOld(): Promise<void> {
    await this.#db('idempotency_keys').whereRaw("created_at < clock_timestamp() - interval '1 day'").delete()
  }

  #of({ principalId, key }: Omit<NumberedRequest, 'mac'>): Knex.QueryBuilder {
    return this.#db('idempotency_keys').where({ principal_id: principalId, key })
  }
}
