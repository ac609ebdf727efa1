import { type Fault, FaultError, fault } from '../../kernel/fault.ts'
import type { AuditEvent } from './event.ts'
import type { PreparedEntry } from './event-text.ts'

export const appendBounds = {
  /** How long an append may take from the call to the answer. */
  timeoutMs: 5_000,
  entriesPerBatchMax: 512,
  charactersPerBatchMax: 8 * 1024 * 1024,
  entriesQueuedMax: 4_096,
  charactersQueuedMax: 64 * 1024 * 1024,
} as const

/** The entries of one append. They stay together. */
export interface AppendJob {
  readonly entries: readonly PreparedEntry[]
  readonly characters: number
  /** On the clock of `performance.now()`. */
  readonly deadlineMs: number
  resolve(events: readonly AuditEvent[]): void
  reject(error: FaultError): void
}

/** Appends that wait for the flusher, in order of arrival, within bounds. */
export class AppendQueue {
  #jobs: AppendJob[] = []
  #entries = 0
  #characters = 0

  /** Entries that wait. */
  get length(): number {
    return this.#entries
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0
  }

  /** Waits in the queue; rejects at once with GATEWAY_AUDIT_UNAVAILABLE when the queue is full. */
  add(entries: readonly PreparedEntry[]): Promise<readonly AuditEvent[]> {
    const characters = entries.reduce((sum, entry) => sum + entry.characters, 0)
    const isFull =
      this.#entries + entries.length > appendBounds.entriesQueuedMax ||
      this.#characters + characters > appendBounds.charactersQueuedMax
    if (isFull) return Promise.reject(new FaultError(unavailable('the queue of the audit log is full')))
    this.#entries += entries.length
    this.#characters += characters
    return new Promise((resolve, reject) => {
      this.#jobs.push({ entries, characters, deadlineMs: performance.now() + appendBounds.timeoutMs, resolve, reject })
    })
  }

  /** Takes what fits into one batch: at least one job, whatever its size. */
  take(): readonly AppendJob[] {
    let [count, entries, characters] = [0, 0, 0]
    for (const job of this.#jobs) {
      const isOver =
        entries + job.entries.length > appendBounds.entriesPerBatchMax ||
        characters + job.characters > appendBounds.charactersPerBatchMax
      if (count > 0 && isOver) break
      count += 1
      entries += job.entries.length
      characters += job.characters
    }
    this.#entries -= entries
    this.#characters -= characters
    return this.#jobs.splice(0, count)
  }
}

/** @param detail what happened, for the operator */
export function unavailable(detail: string, cause?: unknown): Fault {
  return fault('GATEWAY_AUDIT_UNAVAILABLE', { detail, cause })
}
