import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { SshEndReason, SshSession } from '../domain/ssh/ssh-session.ts'
import type { Log } from '../kernel/log.ts'

const LOOK_MS = 250
/** When nobody can say for so long whether rights were revoked, whatever is live is cut. */
const UNKNOWN_MS_MAX = 3_000
/** For so long it is known what was closed, for whoever reports it. */
const LATELY_MS = 60_000

/** One open connection of a session. */
export interface LiveConnection {
  readonly session: SshSession
  /** Aborted with the reason for which it is closed. */
  readonly abort: AbortController
}

export interface LiveSessionsDeps {
  readonly authority: Pick<AuthorityWatch, 'epoch' | 'fresh' | 'now'>
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
  #lately: { readonly session: SshSession; readonly atMs: number }[] = []
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
    if (this.#live.delete(connection)) this.#note(connection)
  }

  /** Closes whatever may not go on, now. */
  async cutLost(): Promise<void> {
    await this.#check()
  }

  /**
   * How many sessions of any of some agents were open and closed since, in milliseconds of the authority's clock. It does
   * not matter who came first: a call that was broken off hangs up by itself.
   */
  cutSince(sinceMs: number, agentIds: ReadonlySet<string>): number {
    return sessionsOf(
      this.#lately.filter(({ atMs }) => atMs >= sinceMs).map(({ session }) => session),
      agentIds,
    )
  }

  /** How many sessions of any of some agents are open. */
  countOf(agentIds: ReadonlySet<string>): number {
    return sessionsOf(
      [...this.#live].map(({ session }) => session),
      agentIds,
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
    for (const connection of connections) {
      this.#note(connection)
      if (!connection.abort.signal.aborted) connection.abort.abort(reason)
    }
  }

  #note({ session }: LiveConnection): void {
    const atMs = this.#deps.authority.now()
    this.#lately = [...this.#lately.filter((each) => each.atMs > atMs - LATELY_MS), { session, atMs }]
  }
}

function sessionsOf(sessions: readonly SshSession[], agentIds: ReadonlySet<string>): number {
  return new Set(sessions.filter(({ agent }) => agentIds.has(agent?.id ?? '')).map(({ id }) => id)).size
}
