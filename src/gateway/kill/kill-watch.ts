import type { Receipt } from '../../domain/kills/kill.ts'
import type { Stores } from '../../domain/stores.ts'
import type { AuthorityWatch } from '../../domain/revocation/authority-watch.ts'
import type { LiveWork } from '../live-work.ts'
import { type StandingOf, stillStands } from '../standing.ts'

/** What is open at the bastion of this process. */
export interface LiveSsh {
  /** Closes whatever may not go on. */
  cutLost(): Promise<void>
  /** How many sessions of any of some agents were closed since, in milliseconds of the authority's clock. */
  cutSince(sinceMs: number, agentIds: ReadonlySet<string>): number
  /** How many sessions of any of some agents are open. */
  countOf(agentIds: ReadonlySet<string>): number
}

export interface KillWatchDeps {
  readonly replica: string
  readonly authority: AuthorityWatch
  readonly stores: Pick<Stores, 'kills'>
  readonly live: LiveWork
  /** Undefined where this process is no bastion. */
  readonly liveSsh: LiveSsh | undefined
  readonly standingOf: StandingOf
  readonly failed: (error: unknown) => void
}

/** A kill is dated by the clock of the replica that ordered it. */
const CLOCKS_DIFFER_MS = 100

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
    const { replica, authority, stores, live, liveSsh, standingOf } = this.#deps
    const epoch = authority.epoch()
    const [callsCut] = await Promise.all([
      live.cutLost((caller) => stillStands({ authority, standingOf }, caller)),
      liveSsh?.cutLost(),
    ])
    for (const kill of await stores.kills.unconfirmedBy(replica, new Date(this.#sinceMs))) {
      const matched = new Set(await stores.kills.agentsMatched(kill))
      const sinceMs = kill.createdAt.getTime() - CLOCKS_DIFFER_MS
      const cut = kill.drill
        ? { callsCut: live.countOf(matched), sshSessionsCut: liveSsh?.countOf(matched) ?? 0 }
        : { callsCut, sshSessionsCut: liveSsh?.cutSince(sinceMs, matched) ?? 0 }
      const confirmedAt = new Date(authority.now())
      await stores.kills.confirm(kill.id, { replica, confirmedAt, epoch, ...cut } satisfies Receipt)
    }
  }
}
