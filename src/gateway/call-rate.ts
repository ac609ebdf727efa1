import { randomUUID } from 'node:crypto'
import type { CallCountStore } from '../domain/tokens/call-count-store.ts'
import type { Clock } from '../kernel/clock.ts'
import { type LimitAnswer, type OpenWindow, WindowLimit } from './window-limit.ts'

const WINDOW_SECONDS = 60

export interface CallRateDeps {
  readonly store: Pick<CallCountStore, 'report' | 'elsewhere'>
  /** The same on all replicas: the database's. */
  readonly clock: Clock
}

/**
 * At most so many calls a minute with the tokens of one chain, over all replicas. A call is counted in memory and costs no
 * query: the replicas tell each other with `exchange`, so beyond the limit they let through at most what comes to the
 * others between two exchanges. While the database cannot be asked, each goes by what it heard last.
 */
export class CallRate {
  readonly #deps: CallRateDeps
  readonly #windows: WindowLimit
  /** A new one for each start: what an earlier process let through still counts. */
  readonly #replicaId = randomUUID()
  #unreported = new Set<string>()
  /** Of chains that are used here too. */
  #elsewhere: ReadonlyMap<string, readonly OpenWindow[]> = new Map()

  constructor({ callsPerMinute }: { readonly callsPerMinute: number }, deps: CallRateDeps) {
    this.#deps = deps
    this.#windows = new WindowLimit({ calls: callsPerMinute, seconds: WINDOW_SECONDS })
  }

  /** Takes so many calls at once, or none of them. */
  take(chainId: string, calls = 1): LimitAnswer {
    const answer = this.#windows.take(chainId, this.#deps.clock.now(), calls, this.#elsewhere.get(chainId))
    if (answer.allowed) this.#unreported.add(chainId)
    return answer
  }

  /** Reports what was let through here since the last time, and takes in what was elsewhere. To be run every second. */
  async exchange(): Promise<void> {
    const { store, clock } = this.#deps
    const nowMs = clock.now()
    const open = new Map(this.#windows.open(nowMs))
    const unreported = this.#unreported
    this.#unreported = new Set()
    const counts = [...unreported].flatMap((chainId) => {
      const window = open.get(chainId)
      return window === undefined ? [] : [{ chainId, calls: window.used, endsAt: new Date(window.endMs) }]
    })
    try {
      if (counts.length > 0) await store.report(this.#replicaId, counts)
    } catch (error) {
      this.#unreported = new Set([...unreported, ...this.#unreported])
      throw error
    }
    const elsewhere = new Map<string, OpenWindow[]>()
    if (open.size > 0) {
      for (const { chainId, calls, endsAt } of await store.elsewhere(
        this.#replicaId,
        [...open.keys()],
        new Date(nowMs),
      ))
        elsewhere.set(chainId, [...(elsewhere.get(chainId) ?? []), { used: calls, endMs: endsAt.getTime() }])
    }
    this.#elsewhere = elsewhere
  }
}
