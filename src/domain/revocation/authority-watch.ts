import type { Clock } from '../../kernel/clock.ts'
import type { AuditEvent } from '../audit/event.ts'
import { type AuthorityCache, GenerationCache } from './authority-cache.ts'
import { type AuthorityReading, endsPerReadMax } from './authority-store.ts'
import { DatabaseClock } from './database-clock.ts'
import { EndedSessions } from './ended-sessions.ts'

/** How quickly a revocation on another replica is noticed. */
export const authorityTimes = {
  pollEveryMs: 250,
  /** What was heard this long ago does not count any more: the database is asked again before a caller is let through. */
  freshForMs: 750,
  readTimeoutMs: 5_000,
} as const

export interface AuthorityWatchDeps {
  /** Looks at the log's head, and for sessions that ended since the log had that size. */
  readonly read: (logSize: number | undefined) => Promise<AuthorityReading>
  /** Follows each look of the poll, with the size of the audit log. */
  readonly polled: (logSize: number) => Promise<void>
  /** Told when a look, or what follows it, fails after one that did not. */
  readonly failed: (error: unknown) => void
  /** Milliseconds that never go back, from any origin. */
  readonly monotonicMs: () => number
}

/**
 * Knows whether rights have changed anywhere, which sessions have ended, and the time on the database's clock. Its own
 * poll tells it all of that; each append to the audit log brings the epoch and the time as well. Caches of rights hang on
 * it: they are empty whenever the authority epoch moves. The end of a session does not move it: only that session is
 * refused, and no agent can empty the caches of all others by opening and closing its own.
 */
export class AuthorityWatch implements Clock {
  readonly #deps: AuthorityWatchDeps
  readonly #clock: DatabaseClock
  readonly #caches: { drop(): void }[] = []
  readonly #ended = new EndedSessions(() => this.#dropCaches())
  readonly #endListeners: ((sessionId: string) => void)[] = []
  readonly #changeListeners: (() => void)[] = []
  #epoch = -1
  #epochHeardMs = Number.NEGATIVE_INFINITY
  /** The moment up to which everything is known, on the monotonic clock. */
  #knownAtMs = Number.NEGATIVE_INFINITY
  /** The size of the log at the last look; every end of a session up to there is known. */
  #logSize: number | undefined
  #looking: Promise<boolean> | undefined
  #problem = 'the authority epoch was never read'
  #hasFailed = false
  #timer: NodeJS.Timeout | undefined
  #isRunning = false

  constructor(deps: AuthorityWatchDeps) {
    this.#deps = deps
    this.#clock = new DatabaseClock(deps.monotonicMs)
  }

  /** The time in whole milliseconds since the Unix epoch, on a clock that follows the database's. */
  now(): number {
    return this.#clock.now()
  }

  /** The authority epoch last heard of; -1 before the first. When it differs from an earlier one, rights may have changed. */
  epoch(): number {
    return this.#epoch
  }

  /** Takes in what an append to the audit log brought back with it. */
  observe(epoch: number, databaseNowMs: number): void {
    const receivedMs = this.#deps.monotonicMs()
    this.#clock.readBefore(databaseNowMs, receivedMs)
    this.#learn(epoch, { sentMs: Number.NEGATIVE_INFINITY, receivedMs })
  }

  /**
   * Whether every revocation and every end of a session that was committed 750 ms ago or earlier is known here. When the
   * last look is older than that, the database is asked. False when it does not answer within 5 s: then nobody may be let through.
   */
  async fresh(): Promise<boolean> {
    if (this.#isFresh()) return true
    // A look that was under way before the question may have seen too little.
    if (this.#looking !== undefined && !(await this.#looking)) return false
    return this.#isFresh() || this.#look()
  }

  /** Takes in what became durable through this replica. */
  appended(events: readonly AuditEvent[]): void {
    for (const { type, sessionId } of events) {
      if (type === 'AI_AGENT_SESSION_ENDED' && sessionId !== null) this.sessionEnded(sessionId)
    }
  }

  /** Takes in that a session ended. */
  sessionEnded(sessionId: string): void {
    this.#ended.add(sessionId)
    for (const listener of this.#endListeners) listener(sessionId)
  }

  /** Whether a session is known to have ended: at once on the replica that ended it, on others with their next look. */
  hasEnded(sessionId: string): boolean {
    return this.#ended.has(sessionId)
  }

  /** Has somebody told of each session that ends. Best effort: when very many end at once on other replicas, nobody is. */
  onSessionEnd(listener: (sessionId: string) => void): void {
    this.#endListeners.push(listener)
  }

  /** Has somebody told whenever this replica learns that rights changed. */
  onChange(listener: () => void): void {
    this.#changeListeners.push(listener)
  }

  /** Looks at once, because somebody said that rights changed. */
  lookNow(): void {
    // A look that is under way may have seen too little.
    void (this.#looking ?? Promise.resolve()).then(() => this.#look())
  }

  /** For readiness. */
  async check(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    const ok = await this.fresh()
    return { ok, detail: ok ? `authority epoch ${this.#epoch}` : this.#problem }
  }

  /** A new cache whose entries live only while the epoch stands. */
  cache<T>(): AuthorityCache<T> {
    const cache = new GenerationCache<T>()
    this.#caches.push(cache)
    return cache
  }

  /** Begins to poll. */
  start(): void {
    this.#isRunning = true
    void this.#poll()
  }

  stop(): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
  }

  async #poll(): Promise<void> {
    const isKnown = await this.#look()
    if (isKnown) await this.#deps.polled(this.#logSize ?? 0).catch((error: unknown) => this.#fail(error))
    if (this.#isRunning) this.#timer = setTimeout(() => void this.#poll(), authorityTimes.pollEveryMs).unref()
  }

  #isFresh(): boolean {
    return this.#deps.monotonicMs() - this.#knownAtMs < authorityTimes.freshForMs
  }

  /** Asks the database, once for all who wait. Not knowing is an answer here: it denies. */
  #look(): Promise<boolean> {
    this.#looking ??= this.#read()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #read(): Promise<boolean> {
    const sentMs = this.#deps.monotonicMs()
    const { epoch, logSize, databaseNowMs, endedSessions } = await withinTimeout(this.#deps.read(this.#logSize))
    const receivedMs = this.#deps.monotonicMs()
    this.#clock.readBetween(sentMs, databaseNowMs, receivedMs)
    this.#learn(epoch, { sentMs, receivedMs })
    if (endedSessions.length > endsPerReadMax || logSize < (this.#logSize ?? 0)) this.#dropCaches()
    else for (const sessionId of endedSessions) this.sessionEnded(sessionId)
    this.#logSize = logSize
    this.#knownAtMs = Math.max(this.#knownAtMs, sentMs)
    this.#hasFailed = false
    return true
  }

  #fail(error: unknown): false {
    this.#problem = error instanceof Error ? error.message : 'the authority epoch could not be read'
    if (!this.#hasFailed) this.#deps.failed(error)
    this.#hasFailed = true
    return false
  }

  #learn(epoch: number, { sentMs, receivedMs }: { sentMs: number; receivedMs: number }): void {
    // Answers may overtake each other. A lower epoch counts only when the question was asked after the higher one was
    // heard: then the database was put back, and what is known is void as well.
    if (epoch < this.#epoch && sentMs < this.#epochHeardMs) return
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#epochHeardMs = receivedMs
    this.#dropCaches()
    for (const listener of this.#changeListeners) listener()
  }

  #dropCaches(): void {
    for (const cache of this.#caches) cache.drop()
  }
}

async function withinTimeout<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the database gave no answer within ${authorityTimes.readTimeoutMs} ms`)),
      authorityTimes.readTimeoutMs,
    )
  })
  return Promise.race([answer, timeout]).finally(() => clearTimeout(timer))
}
