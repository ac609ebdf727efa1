import type { Knex } from 'knex'
import type { Json } from '../../kernel/canonical-json.ts'
import type { Actor } from '../audit/event.ts'
import type { OrderStatus } from './certificate.schema.ts'
import type { Order, OrderStep } from './order.ts'

interface OrderRow {
  readonly id: string
  readonly certificate_id: string
  readonly version: number
  readonly issuer: string
  readonly domains: string[]
  readonly csr: Buffer
  readonly key_path: string
  readonly key_version: string
  readonly replaces: string | null
  readonly requested_by: Actor
  readonly decision_id: string
  readonly status: OrderStatus
  readonly state: Json | null
  readonly problem: string | null
  readonly steps: OrderStep[]
  readonly attempts: number
  readonly failures: number
  readonly next_attempt_at: Date
  readonly expires_at: Date
  readonly created_at: Date
  readonly finished_at: Date | null
}

/** A replica's hold on an order. */
export interface Lease {
  /** Of the replica that holds it. */
  readonly holder: string
  readonly now: Date
  readonly until: Date
}

/** The only SQL about orders, their leases and the locks on domains. Bound to a connection pool or to one transaction. */
export class OrderStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<Order | undefined> {
    const row: OrderRow | undefined = await this.#db('certificate_orders').where({ id }).first()
    return row && fromRow(row)
  }

  async findRunning(certificateId: string): Promise<Order | undefined> {
    const row: OrderRow | undefined = await this.#db('certificate_orders')
      .where('certificate_id', certificateId)
      .whereNull('finished_at')
      .first()
    return row && fromRow(row)
  }

  /** The order of a certificate that ended last, if that was since then. */
  async findFinished(certificateId: string, since: Date): Promise<Order | undefined> {
    const row: OrderRow | undefined = await this.#db('certificate_orders')
      .where('certificate_id', certificateId)
      .where('finished_at', '>', since)
      .orderBy('finished_at', 'desc')
      .first()
    return row && fromRow(row)
  }

  /** Newest first. */
  async list(certificateId: string, limit: number): Promise<readonly Order[]> {
    const rows: OrderRow[] = await this.#db('certificate_orders')
      .where('certificate_id', certificateId)
      .orderBy([{ column: 'created_at', order: 'desc' }, { column: 'id' }])
      .limit(limit)
    return rows.map(fromRow)
  }

  /** @returns false when the certificate has an order for that version already */
  async insert(order: Order): Promise<boolean> {
    const inserted: unknown[] = await this.#db('certificate_orders')
      .insert({
        id: order.id,
        certificate_id: order.certificateId,
        version: order.version,
        issuer: order.issuer,
        domains: order.domains,
        csr: order.csr,
        key_path: order.keyPath,
        key_version: order.keyVersion,
        replaces: order.replaces,
        requested_by: JSON.stringify(order.requestedBy),
        decision_id: order.decisionId,
        attempts: order.attempts,
        expires_at: order.expiresAt,
        created_at: order.createdAt,
        ...mutable(order),
      })
      .onConflict(this.#db.raw("(certificate_id, version) WHERE status <> 'invalid'"))
      .ignore()
      .returning('id')
    return inserted.length > 0
  }

  /** @returns the domains that are locked by another order with the same issuer; none: all are this order's now */
  async lockDomains({ id, issuer, domains }: Order): Promise<readonly string[]> {
    // In one order for everybody, or two who want the same names wait for each other.
    for (const domain of [...domains].sort()) {
      const taken: unknown[] = await this.#db('certificate_domain_locks')
        .insert({ issuer, domain, order_id: id })
        .onConflict(['issuer', 'domain'])
        .ignore()
        .returning('domain')
      if (taken.length === 0) return [domain]
    }
    return []
  }

  /** Ids of orders that nobody holds and whose time has come, the longest waiting first. */
  async listDue(now: Date, limit: number): Promise<readonly string[]> {
    const rows: { id: string }[] = await this.#db('certificate_orders')
      .select('id')
      .whereNull('finished_at')
      .where('next_attempt_at', '<=', now)
      .where((free) => void free.whereNull('leased_until').orWhere('leased_until', '<=', now))
      .orderBy('next_attempt_at')
      .limit(limit)
    return rows.map(({ id }) => id)
  }

  /**
   * Takes or prolongs the hold on an order and counts the step that is about to begin.
   * @returns the order as it was before, or undefined when another replica holds it or it has ended
   */
  async lease(id: string, { holder, now, until }: Lease): Promise<Order | undefined> {
    const [row]: OrderRow[] = await this.#db('certificate_orders')
      .where({ id })
      .whereNull('finished_at')
      .where(
        (free) => void free.whereNull('leased_until').orWhere('leased_until', '<=', now).orWhere('leased_by', holder),
      )
      .update({ leased_by: holder, leased_until: until, attempts: this.#db.raw('attempts + 1') })
      .returning('*')
    return row && { ...fromRow(row), attempts: row.attempts - 1 }
  }

  async release(id: string, holder: string): Promise<void> {
    await this.#db('certificate_orders')
      .where({ id, leased_by: holder })
      .update({ leased_by: null, leased_until: null })
  }

  /** @returns false when the holder lost its hold meanwhile: nothing is changed then */
  async save(order: Order, holder: string): Promise<boolean> {
    const saved: number = await this.#db('certificate_orders')
      .where({ id: order.id, leased_by: holder })
      .whereNull('finished_at')
      .update(mutable(order))
    if (saved > 0 && order.finishedAt !== null)
      await this.#db('certificate_domain_locks').where('order_id', order.id).delete()
    return saved > 0
  }
}

function mutable(order: Order): object {
  return {
    status: order.status,
    state: order.state === null ? null : JSON.stringify(order.state),
    problem: order.problem,
    steps: JSON.stringify(order.steps),
    failures: order.failures,
    next_attempt_at: order.nextAttemptAt,
    finished_at: order.finishedAt,
  }
}

function fromRow(row: OrderRow): Order {
  return {
    id: row.id,
    certificateId: row.certificate_id,
    version: row.version,
    issuer: row.issuer,
    domains: row.domains,
    csr: row.csr,
    keyPath: row.key_path,
    keyVersion: row.key_version,
    replaces: row.replaces,
    requestedBy: row.requested_by,
    decisionId: row.decision_id,
    status: row.status,
    state: row.state,
    problem: row.problem,
    steps: row.steps,
    attempts: row.attempts,
    failures: row.failures,
    nextAttemptAt: row.next_attempt_at,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  }
}
