/** Ended sessions that are remembered: this many at least, twice as many at most. */
export const endedSessionsMax = 10_000

/** The sessions that this replica has heard the end of. None comes back to life, so word of it may come late or twice. */
export class EndedSessions {
  readonly #forgot: () => void
  #recent = new Set<string>()
  #earlier: ReadonlySet<string> = new Set()

  /** @param forgot told when the earliest ones are forgotten: whoever still remembers such a session must forget it too */
  constructor(forgot: () => void) {
    this.#forgot = forgot
  }

  has(sessionId: string): boolean {
    return this.#recent.has(sessionId) || this.#earlier.has(sessionId)
  }

  add(sessionId: string): void {
    this.#recent.add(sessionId)
    if (this.#recent.size < endedSessionsMax) return
    this.#earlier = this.#recent
    this.#recent = new Set()
    this.#forgot()
  }
}
