import { bigintArray, byteaArray, textArray } from './binary-array.ts'
import type { AuditEvent } from './event.ts'
import { eventText, type PreparedEntry } from './event-text.ts'
import { frontierOf, type HeadRow } from './log-head.ts'
import { type Frontier, leafHash, pushLeaves, rootOf } from './merkle.ts'

/** How many parameters `audit_append` takes. */
export const appendParameters = 20

/** Entries with their place in the log, under the assumption that the log is at `before`. */
export interface Batch {
  readonly events: readonly AuditEvent[]
  /** The log after the batch. */
  readonly after: Frontier
  /** The parameters of `audit_append`. */
  readonly values: (Buffer | number | boolean | string)[]
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
    at,
    textArray(events.map(({ id }) => id)),
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
    textArray(decided.map(({ input }) => input)),
    textArray(decided.map(({ decision }) => decision)),
  ]
  return { events, after, values }
}

/** What `audit_append` answers: that it appended, or where the log really is. */
export type AppendReply =
  | { readonly applied: true; readonly authorityEpoch: number; readonly databaseNowMs: number }
  | { readonly applied: false; readonly frontier: Frontier }

export type AppendRow =
  | { readonly applied: true; readonly authority_epoch: string | number; readonly now_ms: number }
  | ({ readonly applied: false } & HeadRow)

export function readReply(row: AppendRow): AppendReply {
  if (!row.applied) return { applied: false, frontier: readFrontier(row) }
  return { applied: true, authorityEpoch: Number(row.authority_epoch), databaseNowMs: row.now_ms }
}

/** @throws Error when the stored head contradicts itself */
export function readFrontier(row: HeadRow): Frontier {
  const frontier = frontierOf(row)
  if (frontier === undefined) throw new Error('the stored head of the audit log contradicts itself')
  return frontier
}
