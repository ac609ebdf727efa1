import { bigintArray, byteaArray, textArray, timestamptzArray } from './binary-array.ts'
import type { AuditEvent } from './event.ts'
import { eventText, type PreparedEntry } from './event-text.ts'
import { frontierOf } from './log-head.ts'
import { type Frontier, leafHash, pushLeaves, rootOf } from './merkle.ts'

/** How many parameters `audit_append` takes. */
export const appendParameters = 22

/** Entries with their place in the log, under the assumption that the log is at `before`. */
export interface Batch {
  readonly events: readonly AuditEvent[]
  /** The log after the batch. */
  readonly after: Frontier
  /** The parameters of `audit_append`. */
  readonly values: (Buffer | number | boolean)[]
}

/** Gives entries their sequence numbers and time, hashes them, and writes the call that appends them. */
export function buildBatch(
  before: Frontier,
  entries: readonly PreparedEntry[],
  nowMs: number,
  advanceAuthority: boolean,
): Batch {
  const at = new Date(nowMs).toISOString()
  const placed = entries.map((entry, index) => {
    const seq = before.size + index + 1
    const text = eventText(entry, seq, at)
    return { seq, text, leaf: leafHash(text), event: { seq, at, ...entry.event }, decision: entry.decision }
  })
  const decided = placed.flatMap(({ seq, decision }) => (decision ? [{ seq, ...decision }] : []))
  const events = placed.map(({ event }) => event)
  const after = pushLeaves(
    before,
    placed.map(({ leaf }) => leaf),
  )
  const values = [
    before.size,
    after.size,
    rootOf(after),
    byteaArray(after.peaks),
    advanceAuthority,
    bigintArray(placed.map(({ seq }) => seq)),
    textArray(events.map(({ id }) => id)),
    timestamptzArray(placed.map(() => nowMs)),
    textArray(events.map(({ type }) => type)),
    textArray(events.map(({ agent }) => agent?.id ?? null)),
    textArray(events.map(({ sessionId }) => sessionId)),
    textArray(events.map(({ resource }) => resource?.id ?? null)),
    textArray(events.map(({ resource }) => resource?.name ?? null)),
    textArray(events.map(({ resource }) => resource?.environment ?? null)),
    textArray(events.map(({ outcome }) => outcome)),
    textArray(placed.map(({ text }) => text)),
    byteaArray(placed.map(({ leaf }) => leaf)),
    bigintArray(decided.map(({ seq }) => seq)),
    textArray(decided.map(({ id }) => id)),
    timestamptzArray(decided.map(() => nowMs)),
    textArray(decided.map(({ input }) => input)),
    textArray(decided.map(({ decision }) => decision)),
  ]
  return { events, after, values }
}

/** What `audit_append` answers: whether it appended, and where the log is now. */
export interface AppendReply {
  readonly applied: boolean
  readonly frontier: Frontier
  readonly authorityEpoch: number
  readonly databaseNowMs: number
}

export interface AppendRow {
  readonly applied: boolean
  readonly size: string | number
  readonly root: Buffer
  readonly frontier: Buffer[]
  readonly authority_epoch: string | number
  readonly now_ms: number
}

export function readReply(row: AppendRow): AppendReply {
  return {
    applied: row.applied,
    frontier: readFrontier(row),
    authorityEpoch: Number(row.authority_epoch),
    databaseNowMs: row.now_ms,
  }
}

/** @throws Error when the stored head contradicts itself */
export function readFrontier(row: Pick<AppendRow, 'size' | 'root' | 'frontier'>): Frontier {
  const frontier = frontierOf(row)
  if (frontier === undefined) throw new Error('the stored head of the audit log contradicts itself')
  return frontier
}
