import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../kernel/log.ts'
import { type DriveOrderDeps, driveOrder } from './drive-order.ts'
import type { Order } from './order.ts'

const DRIVEN_MAX = 32
const POLL_MS = 100

/** The orders that this replica is bringing forward. */
export class CertificateOrders {
  readonly #deps: DriveOrderDeps & { readonly log: Log }
  readonly #driven = new Map<string, Promise<void>>()
  readonly #stopped = new AbortController()

  constructor(deps: DriveOrderDeps & { readonly log: Log }) {
    this.#deps = deps
  }

  /** Begins to bring an order forward, unless that is under way or so many others are: then a later `resume` does. */
  start(id: string): void {
    if (this.#driven.has(id) || this.#driven.size >= DRIVEN_MAX || this.#stopped.signal.aborted) return
    const driven = driveOrder(this.#deps, id, this.#stopped.signal)
      .catch((error: unknown) => this.#deps.log.warn('a certificate order waits', { order: id, error }))
      .finally(() => void this.#driven.delete(id))
    this.#driven.set(id, driven)
  }

  /** Takes up what nobody brings forward: orders whose wait is over, and those of a replica that is gone. */
  async resume(): Promise<void> {
    const { orders, clock } = this.#deps
    for (const id of await orders.listDue(new Date(clock.now()), DRIVEN_MAX)) this.start(id)
  }

  /** The order when it has ended or so much time has passed, whichever replica works on it. */
  async settled(order: Order, withinMs: number, signal: AbortSignal): Promise<Order> {
    const deadline = performance.now() + withinMs
    let seen = order
    while (seen.finishedAt === null && performance.now() < deadline && !signal.aborted) {
      await delay(POLL_MS)
      seen = (await this.#deps.orders.find(order.id)) ?? seen
    }
    return seen
  }

  /** Begins no further step and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all(this.#driven.values())
  }
}
