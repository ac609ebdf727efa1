import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { SshEndReason, SshSession } from '../domain/ssh/ssh-session.ts'
import type { Log } from '../kernel/log.ts'

const LOOK_MS = 250
/** When nobody can say for so long whether rights were revoked, whatever is live is cut. */
const UNKNOWN_MS_MAX = 3_000

/** One open connection of a session. */
export interface LiveConnection {
  readonly session: SshSession
  /** Aborted with the reason for which it is closed. */
  readonly abort: AbortController
}

export interface LiveSessionsDeps {
  readonly authority: Pick<AuthorityWatch, 'epoch' | 'fresh'>
  /** Why a session may not go on; undefined when it may. */
  readonly mayNotGoOn: (session: SshSession) => Promise<SshEndReason | undefined>
  readonly log: Log
}

/**
 * What is open on this bastion. Whenever rights have changed anywhere, each session is asked about anew; what may not go
 * on is closed within a second, also where the policy is broken: then nothing may.
 */
export class LiveSessions {
  readonly #deps: LiveSessionsDeps
  readonly #live = new Set<LiveConnection>()
  #checkedEpoch = -1
  #knownAtMs = performance.now()
  #isLooking = false
  #timer: NodeJS.Timeout | undefined

  constructor(deps: LiveSessionsDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (performance.now() - this.#knownAtMs > UNKNOWN_MS_MAX) this.cutAll('policy')
      if (!this.#isLooking) void this.#look()
    }, LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  add(connection: LiveConnection): void {
    this.#live.add(connection)
  }

  remove(connection: LiveConnection): void {
    this.#live.delete(connection)
  }

  /** Closes what is open of these sessions, at once. */
  cut(sessionIds: readonly string[], reason: SshEndReason): void {
    this.#close(
      [...this.#live].filter(({ session }) => sessionIds.includes(session.id)),
      reason,
    )
  }

  /** Closes everything, at once. */
  cutAll(reason: SshEndReason): void {
    this.#close([...this.#live], reason)
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      const epoch = this.#deps.authority.epoch()
      if (!(await this.#deps.authority.fresh())) return
      if (this.#deps.authority.epoch() !== this.#checkedEpoch) await this.#check()
      this.#checkedEpoch = epoch
      this.#knownAtMs = performance.now()
    } catch (error) {
      this.#deps.log.warn('live SSH sessions cannot be looked at', { error })
    } finally {
      this.#isLooking = false
    }
  }

  async #check(): Promise<void> {
    await Promise.all(
      [...this.#live].map(async (connection) => {
        const reason = await this.#deps.mayNotGoOn(connection.session)
        if (reason !== undefined) this.#close([connection], reason)
      }),
    )
  }

  #close(connections: readonly LiveConnection[], reason: SshEndReason): void {
    for (const { abort } of connections) if (!abort.signal.aborted) abort.abort(reason)
  }
}
