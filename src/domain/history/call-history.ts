import type { AuditEvent } from '../audit/event.ts'
import { type Activity, ActivityWindow, type Deed, type DeedNames } from './activity-window.ts'
import { deedOf } from './deed.ts'
import type { HistoryStore } from './history-store.ts'

/** What the policy is told about an agent's past, over all its tokens, sessions and replicas. */
export interface History {
  /** The last 60 s, by the second. */
  readonly minute: Activity
  /** The last 60 minutes, by the minute. */
  readonly hour: Activity
}

export const historyBounds = {
  agentsMax: 5_000,
  /** An agent that was not asked about for this long is dropped; it is loaded again when it comes back. */
  agentIdleMs: 15 * 60_000,
  /** Of an agent's last hour, at most so many of its newest decisions are loaded. */
  eventsLoadedMax: 50_000,
  eventsPerLoad: 2_000,
  /** When other replicas appended more than this since the last look, everything is dropped and loaded anew. */
  eventsFollowedMax: 10_000,
} as const

/** Counts what was just decided until the function it gives is called, which is when the decision is on record. */
export type Hold = (names: DeedNames) => () => void

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/**
 * Counts what each agent has done lately, from the audit log: in memory for the agents that are calling now, so that a
 * call costs microseconds. Decisions of this replica arrive with `record`, those of others with `follow`. Each event of
 * the log counts once, in whichever way it comes.
 */
export class CallHistory {
  readonly #store: Pick<HistoryStore, 'logSize' | 'before' | 'between'>
  /** The least recently asked about comes first. */
  readonly #agents = new Map<string, AgentHistory>()
  /** Every event up to this one was handled. Undefined until the first question: nothing is remembered before. */
  #handledUpTo: number | undefined
  /** Later events that were handled too. */
  readonly #handledAhead = new Set<number>()

  constructor(store: Pick<HistoryStore, 'logSize' | 'before' | 'between'>) {
    this.#store = store
  }

  /** What the agent has done, up to the events that were recorded or followed so far. */
  of(agentId: string, nowMs: number): Promise<History> {
    return this.consult(agentId, nowMs, (history) => history)
  }

  /**
   * Decides on what the agent has done. Nothing comes between the history and the decision, and a decision that is held
   * counts at once: calls that arrive together cannot each find the same room in a budget.
   * @param decide must not wait for anything
   */
  async consult<T>(agentId: string, nowMs: number, decide: (history: History, hold: Hold) => T): Promise<T> {
    if (this.#handledUpTo === undefined) await this.#begin()
    const agent = this.#agents.get(agentId) ?? new AgentHistory()
    agent.askedAtMs = nowMs
    this.#agents.delete(agentId)
    this.#agents.set(agentId, agent)
    this.#dropIdle(nowMs)
    try {
      await agent.load(this.#store, agentId, nowMs)
    } catch (error) {
      if (this.#agents.get(agentId) === agent) this.#agents.delete(agentId)
      throw error
    }
    return decide(agent.at(nowMs), (names) => agent.hold(names))
  }

  /** Takes in an event that became durable through this replica, of whatever type. */
  record(event: AuditEvent): void {
    // Before the first question nothing is counted: each agent's past is loaded when it is asked about.
    if (this.#handledUpTo === undefined || !this.#handle(event.seq)) return
    const deed = deedOf(event)
    if (deed !== undefined && event.agent !== null) this.#agents.get(event.agent.id)?.add(event.seq, deed)
  }

  /** Takes in what other replicas appended. @param logSize the size of the log, as the poll saw it */
  async follow(logSize: number): Promise<void> {
    const handledUpTo = this.#handledUpTo
    if (handledUpTo === undefined || logSize <= handledUpTo) return
    if (logSize - handledUpTo > historyBounds.eventsFollowedMax) this.#agents.clear()
    else for (const event of await this.#store.between(handledUpTo + 1, logSize)) this.record(event)
    this.#handleAll(logSize)
  }

  async #begin(): Promise<void> {
    const logSize = await this.#store.logSize()
    // Only the first of those who asked at once: others may have gone on from there.
    this.#handledUpTo ??= logSize
  }

  /** @returns false when the event was handled before */
  #handle(seq: number): boolean {
    const upTo = this.#handledUpTo ?? 0
    if (seq <= upTo || this.#handledAhead.has(seq)) return false
    this.#handledAhead.add(seq)
    this.#goOnFrom(upTo)
    return true
  }

  #handleAll(upTo: number): void {
    for (const seq of this.#handledAhead) if (seq <= upTo) this.#handledAhead.delete(seq)
    this.#goOnFrom(Math.max(this.#handledUpTo ?? 0, upTo))
  }

  /** Every event up to this one was handled, and so was whatever follows it without a gap. */
  #goOnFrom(seq: number): void {
    let upTo = seq
    while (this.#handledAhead.delete(upTo + 1)) upTo += 1
    this.#handledUpTo = upTo
  }

  #dropIdle(nowMs: number): void {
    for (const [agentId, agent] of this.#agents) {
      if (this.#agents.size <= historyBounds.agentsMax && agent.askedAtMs > nowMs - historyBounds.agentIdleMs) return
      this.#agents.delete(agentId)
    }
  }
}

/** One agent's activity. While its past is being loaded, what happens meanwhile waits. */
class AgentHistory {
  readonly #minute = new ActivityWindow(SECOND_MS)
  readonly #hour = new ActivityWindow(MINUTE_MS)
  #loading: Promise<void> | undefined
  #isLoaded = false
  #waiting: { readonly seq: number; readonly deed: Deed }[] = []
  #loadedUpTo = 0
  readonly #underWay = new Set<DeedNames>()
  askedAtMs = 0

  async load(store: Pick<HistoryStore, 'before'>, agentId: string, nowMs: number): Promise<void> {
    this.#loading ??= this.#load(store, agentId, nowMs)
    if (!this.#isLoaded) await this.#loading
  }

  at(nowMs: number): History {
    return { minute: this.#minute.at(nowMs, this.#underWay), hour: this.#hour.at(nowMs, this.#underWay) }
  }

  hold(names: DeedNames): () => void {
    const held = { ...names }
    this.#underWay.add(held)
    return () => void this.#underWay.delete(held)
  }

  add(seq: number, deed: Deed): void {
    if (!this.#isLoaded) this.#waiting.push({ seq, deed })
    else if (seq > this.#loadedUpTo) this.#count(deed)
  }

  async #load(store: Pick<HistoryStore, 'before'>, agentId: string, nowMs: number): Promise<void> {
    const after = new Date(nowMs - HOUR_MS)
    const events: AuditEvent[] = []
    for (let before = Number.MAX_SAFE_INTEGER; events.length < historyBounds.eventsLoadedMax; ) {
      const past = await store.before(before, agentId, after, historyBounds.eventsPerLoad)
      if (before === Number.MAX_SAFE_INTEGER) this.#loadedUpTo = past.logSize
      events.push(...past.events)
      const oldest = past.events.at(-1)
      if (oldest === undefined || past.events.length < historyBounds.eventsPerLoad) break
      before = oldest.seq
    }
    for (const event of events.toReversed()) {
      const deed = deedOf(event)
      if (deed !== undefined) this.#count(deed)
    }
    this.#isLoaded = true
    for (const { seq, deed } of this.#waiting) this.add(seq, deed)
    this.#waiting = []
  }

  #count(deed: Deed): void {
    this.#minute.add(deed)
    this.#hour.add(deed)
  }
}
