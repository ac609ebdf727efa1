import type { Clock } from '../../kernel/clock.ts'

/**
 * A clock that follows the database's, so that every replica expires the same token at the same time. Until the database
 * has spoken, the machine's clock stands in.
 */
export class DatabaseClock implements Clock {
  readonly #monotonicMs: () => number
  /** The database's clock minus the monotonic one. */
  #offsetMs: number
  #isMeasured = false

  /** @param monotonicMs milliseconds that never go back, from any origin */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
    this.#offsetMs = Date.now() - monotonicMs()
  }

  /** The time in whole milliseconds since the Unix epoch. */
  now(): number {
    return Math.floor(this.#monotonicMs() + this.#offsetMs)
  }

  /** Learns from a database time that was read between two moments: a quick answer bounds the offset narrowly. */
  readBetween(sentMs: number, databaseMs: number, receivedMs: number): void {
    const [lowest, highest] = [databaseMs - receivedMs, databaseMs - sentMs]
    this.#offsetMs = this.#isMeasured ? Math.min(Math.max(this.#offsetMs, lowest), highest) : (lowest + highest) / 2
    this.#isMeasured = true
  }

  /** Learns from a database time of which only the arrival is known: the database's clock is at least there. */
  readBefore(databaseMs: number, receivedMs: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, databaseMs - receivedMs)
  }
}
