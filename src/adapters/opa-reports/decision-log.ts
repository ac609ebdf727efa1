import { setTimeout as delay } from 'node:timers/promises'
import type { AuditEvent } from '../../domain/audit/event.ts'
import type { RecordedDecision } from '../../domain/bundles/bundle-store.ts'
import type { Log } from '../../kernel/log.ts'
import { gzipped, postReport, type ReportPlace } from './post-report.ts'

export const decisionLogBounds = {
  /** What waits beyond this is dropped, the oldest first. The audit log has it all the same. */
  queueMax: 10_000,
  /** So many decisions are read and sent together. */
  batchMax: 50,
  /** So long decisions are gathered. */
  gatherMs: 1_000,
  pauseMsMax: 60_000,
  /** For so long a stopping gateway still delivers. */
  closeMsMax: 2_000,
} as const

type Question = Pick<RecordedDecision, 'input' | 'decision'>

export interface DecisionLogDeps {
  readonly place: ReportPlace
  readonly labels: Readonly<Record<string, string>>
  /** Questions and answers on record, by the number of their event. */
  readonly recordedAt: (seqs: readonly number[]) => Promise<ReadonlyMap<number, Question>>
  readonly log: Log
  readonly gatherMs?: number
}

/**
 * Sends decisions to whatever takes OPA's decision logs: arrays of events, gzipped, in the order of the audit log. They are
 * taken from the record, so nothing is sent that is not durable, and no call waits. What is not taken is sent again.
 */
export class DecisionLog {
  readonly #deps: DecisionLogDeps
  readonly #queue: AuditEvent[] = []
  readonly #stopping = new AbortController()
  readonly #gathering = new AbortController()
  #dropped = 0
  #sending: Promise<void> | undefined

  constructor(deps: DecisionLogDeps) {
    this.#deps = deps
  }

  appended(events: readonly AuditEvent[]): void {
    const decisions = events.filter(({ decisionId, inputDigest }) => decisionId !== null && inputDigest !== null)
    if (decisions.length === 0 || this.#gathering.signal.aborted) return
    this.#queue.push(...decisions)
    this.#dropped += this.#queue.splice(0, this.#queue.length - decisionLogBounds.queueMax).length
    this.#sending ??= this.#sendAll()
  }

  async close(): Promise<void> {
    this.#gathering.abort()
    const late = setTimeout(() => this.#stopping.abort(), decisionLogBounds.closeMsMax)
    await this.#sending
    clearTimeout(late)
    this.#dropped += this.#queue.length
    this.#tellDropped()
  }

  async #sendAll(): Promise<void> {
    const { gatherMs = decisionLogBounds.gatherMs, log } = this.#deps
    let failures = 0
    while (this.#queue.length > 0 && !this.#stopping.signal.aborted) {
      await this.#pause(Math.min(gatherMs * 2 ** failures, decisionLogBounds.pauseMsMax))
      const batch = this.#queue.slice(0, decisionLogBounds.batchMax)
      const problem = await this.#send(batch)
      if (problem === undefined) this.#drop(batch)
      else if (failures === 0) log.warn('decisions were not taken by policy.logsUrl, and are sent again', { problem })
      failures = problem === undefined ? 0 : failures + 1
      this.#tellDropped()
      if (problem !== undefined && this.#gathering.signal.aborted) break
    }
    this.#sending = undefined
  }

  async #send(batch: readonly AuditEvent[]): Promise<string | undefined> {
    const { place, labels, recordedAt } = this.#deps
    try {
      const recorded = await recordedAt(batch.map(({ seq }) => seq))
      const events = batch.map((event) => decisionEvent(event, labels, recorded.get(event.seq)))
      return await postReport(place, await gzipped(`[${events.join(',')}]`), this.#stopping.signal)
    } catch {
      return 'the record cannot be read'
    }
  }

  /** Some may have been dropped meanwhile, since too many waited. */
  #drop(batch: readonly AuditEvent[]): void {
    const last = batch.at(-1)
    this.#queue.splice(0, last === undefined ? 0 : this.#queue.indexOf(last) + 1)
  }

  #tellDropped(): void {
    if (this.#dropped > 0)
      this.#deps.log.warn('decisions were not sent to policy.logsUrl', { decisions: this.#dropped })
    this.#dropped = 0
  }

  /** None any more once the gateway stops. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#gathering.signal, ref: false }).catch(() => undefined)
  }
}

/** As OPA writes it; what it has no member for is in `custom`. Input and result are on record as JSON, and stay it. */
function decisionEvent(event: AuditEvent, labels: DecisionLogDeps['labels'], recorded: Question | undefined): string {
  const [, traceId, spanId] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(event.traceparent ?? '') ?? []
  const stated = JSON.stringify({
    labels,
    decision_id: event.decisionId,
    ...(traceId === undefined ? {} : { trace_id: traceId, span_id: spanId }),
    bundles: { certlocker: { revision: event.policy?.revision ?? '' } },
    path: 'certlocker/main/decision',
    ...(event.client === null ? {} : { requested_by: event.client.ip }),
    timestamp: event.at,
    custom: {
      seq: event.seq,
      type: event.type,
      requestId: event.requestId,
      attempt: event.attempt,
      bundleDigest: event.policy?.digest ?? '',
      inputDigest: event.inputDigest,
    },
  })
  return recorded === undefined
    ? stated
    : `${stated.slice(0, -1)},"input":${recorded.input},"result":${recorded.decision}}`
}
