import type { Clock } from '../../kernel/clock.ts'
import type { TokenStore, TokenUse } from '../tokens/token-store.ts'
import type { SessionStore } from './session-store.ts'

export interface SessionActivityDeps {
  readonly sessions: Pick<SessionStore, 'touch'>
  readonly tokens: Pick<TokenStore, 'touch'>
  readonly clock: Clock
}

/**
 * Collects in memory which sessions and tokens were used, so that a call costs no write of its own. A job flushes it
 * every second, and the process when it stops: a crash loses at most the last second of `lastSeenAt`.
 */
export class SessionActivity {
  readonly #deps: SessionActivityDeps
  #sessions = new Map<string, Date>()
  #tokens = new Map<string, TokenUse>()

  constructor(deps: SessionActivityDeps) {
    this.#deps = deps
  }

  /** Notes that a session and its token are in use now. */
  seen(sessionId: string, tokenId: string, ip: string): void {
    const at = new Date(this.#deps.clock.now())
    this.#sessions.set(sessionId, at)
    this.#tokens.set(tokenId, { tokenId, at, ip })
  }

  /** Writes what was noted, one statement each. What could not be written is kept for the next time, and the error thrown. */
  async flush(): Promise<void> {
    const sessions = this.#sessions
    const tokens = this.#tokens
    this.#sessions = new Map()
    this.#tokens = new Map()
    try {
      if (sessions.size > 0) await this.#deps.sessions.touch([...sessions].map(([id, at]) => ({ id, at })))
      if (tokens.size > 0) await this.#deps.tokens.touch([...tokens.values()])
    } catch (error) {
      this.#sessions = new Map([...sessions, ...this.#sessions])
      this.#tokens = new Map([...tokens, ...this.#tokens])
      throw error
    }
  }
}
