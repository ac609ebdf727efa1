/** Windows that are kept at once. */
export const keysMax = 10_000

export interface LimitAnswer {
  readonly allowed: boolean
  /** Seconds until the next window; at least 1. */
  readonly retryAfterSeconds: number
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

  /** Takes so many calls at once, or none of them. */
  take(key: string, nowMs: number, calls = 1): LimitAnswer {
    const window = this.#window(key, nowMs)
    const retryAfterSeconds = Math.max(1, Math.ceil((window.startMs + this.#windowMs - nowMs) / 1000))
    if (window.used + calls > this.#calls) return { allowed: false, retryAfterSeconds }
    window.used += calls
    return { allowed: true, retryAfterSeconds }
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
