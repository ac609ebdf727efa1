import type { Kill, Receipt } from '../../domain/kills/kill.ts'
import type { Stores } from '../../domain/stores.ts'
import type { AuthorityWatch } from '../../domain/revocation/authority-watch.ts'
import type { LiveWork } from '../live-work.ts'
import { type StandingOf, stillStands } from '../standing.ts'

export interface KillWatchDeps {
  readonly replica: string
  readonly authority: AuthorityWatch
  readonly stores: Pick<Stores, 'kills'>
  readonly live: LiveWork
  readonly standingOf: StandingOf
  readonly failed: (error: unknown) => void
}

/**
 * Acts whenever rights changed anywhere: breaks off what runs here without right, and confirms the kills that this replica
 * has taken in. One look at a time; a change during it is followed by another.
 */
export class KillWatch {
  readonly #deps: KillWatchDeps
  readonly #sinceMs: number
  #isLooking = false
  #again = false

  constructor(deps: KillWatchDeps) {
    this.#deps = deps
    this.#sinceMs = deps.authority.now()
  }

  /** Acts from now on, at each change. */
  start(): void {
    this.#deps.authority.onChange(() => this.look())
  }

  /** Looks, or has the look under way followed by another. */
  look(): void {
    this.#again = true
    if (!this.#isLooking) void this.#untilSettled()
  }

  async #untilSettled(): Promise<void> {
    this.#isLooking = true
    while (this.#again) {
      this.#again = false
      await this.#act().catch(this.#deps.failed)
    }
    this.#isLooking = false
  }

  async #act(): Promise<void> {
    const { replica, authority, stores, live, standingOf } = this.#deps
    const epoch = authority.epoch()
    const callsCut = await live.cutLost((caller) => stillStands({ authority, standingOf }, caller))
    for (const kill of await stores.kills.unconfirmedBy(replica, new Date(this.#sinceMs))) {
      await stores.kills.confirm(kill.id, {
        replica,
        confirmedAt: new Date(authority.now()),
        epoch,
        callsCut: kill.drill ? await this.#wouldCut(kill) : callsCut,
      } satisfies Receipt)
    }
  }

  async #wouldCut(kill: Kill): Promise<number> {
    return this.#deps.live.countOf(new Set(await this.#deps.stores.kills.agentsMatched(kill)))
  }
}
