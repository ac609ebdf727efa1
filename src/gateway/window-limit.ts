/** Windows that are kept at once. */
export const keysMax = 10_000

export interface LimitAnswer {
  readonly allowed: boolean
  /** Seconds until the next window; at least 1. */
  readonly retryAfterSeconds: number
}

export interface OpenWindow {
  readonly used: number
  readonly endMs: number
}

/** At most `calls` per key in each window of `seconds`. Kept in memory by each replica. */
export class WindowLimit {
  readonly #calls: number
  readonly #windowMs: number
  readonly #windows = new Map<string, { startMs: number; used: number }>()

  constructor({ calls, seconds }: { readonly calls: number; readonly seconds: number }) {
    this.#calls = calls
    this.#windowMs = seconds * 1000
  }

  /**
   * Takes so many calls at once, or none of them.
   * @param elsewhere windows of the same key that others keep; what was used in those still open counts as well
   */
  take(key: string, nowMs: number, calls = 1, elsewhere: readonly OpenWindow[] = []): LimitAnswer {
    const window = this.#window(key, nowMs)
    let { used } = window
    let endMs = window.startMs + this.#windowMs
    for (const other of elsewhere) {
      if (other.endMs <= nowMs) continue
      used += other.used
      endMs = Math.min(endMs, other.endMs)
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((endMs - nowMs) / 1000))
    if (used + calls > this.#calls) return { allowed: false, retryAfterSeconds }
    window.used += calls
    return { allowed: true, retryAfterSeconds }
  }

  /** The windows that have not ended, by key. */
  *open(nowMs: number): Generator<[string, OpenWindow]> {
    for (const [key, { startMs, used }] of this.#windows) {
      const endMs = startMs + this.#windowMs
      if (endMs > nowMs) yield [key, { used, endMs }]
    }
  }

  #window(key: string, nowMs: number): { startMs: number; used: number } {
    const present = this.#windows.get(key)
    if (present !== undefined && nowMs < present.startMs + this.#windowMs && nowMs >= present.startMs) return present
    // Behind all the others: the windows stay in the order in which they began.
    this.#windows.delete(key)
    if (this.#windows.size >= keysMax) this.#makeRoom(nowMs)
    const fresh = { startMs: nowMs, used: 0 }
    this.#windows.set(key, fresh)
    return fresh
  }

  /** Drops the windows that have ended, or else the one that began first. */
  #makeRoom(nowMs: number): void {
    for (const [key, { startMs }] of this.#windows) {
      if (nowMs < startMs + this.#windowMs && this.#windows.size < keysMax) return
      this.#windows.delete(key)
    }
  }
}
