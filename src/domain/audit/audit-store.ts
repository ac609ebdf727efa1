import type { Knex } from 'knex'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Paged } from '../page.ts'
import { CheckpointStore, type StoredCheckpoint } from './checkpoint-store.ts'
import type { AuditEvent } from './event.ts'

/** Ids except where said otherwise; all that are given must match. */
export interface EventFilters {
  readonly agentId?: string
  readonly sessionId?: string
  /** Id or name. */
  readonly resource?: string
  readonly environment?: string
  readonly type?: string
  /** Any of them. */
  readonly types?: readonly string[]
  readonly outcome?: string
  /** Inclusive. */
  readonly from?: Date
  /** Exclusive. */
  readonly to?: Date
  /** Part of the event's JSON text, in any case. */
  readonly q?: string
  /** Exclusive: what a reader that follows the log has seen already. */
  readonly afterSeq?: number
}

export interface EventPage {
  readonly filters: EventFilters
  /** At most 200. */
  readonly limit: number
  readonly order: 'asc' | 'desc'
  readonly cursor?: string
}

/** Questions about the log that need no proof. */
export class AuditStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** @returns one page of events by sequence number, or ARGUMENT_INVALID when the cursor is not one of ours */
  async list({ filters, limit, order, cursor }: EventPage): Promise<Result<Paged<AuditEvent>, Fault>> {
    const after = parseCursor(cursor)
    if (!after.ok) return after
    const conditions = conditionsOf(filters)
    if (after.value !== undefined) conditions.push([order === 'asc' ? 'seq > ?' : 'seq < ?', after.value])
    const where = ['TRUE', ...conditions.map(([sql]) => sql)].join(' AND ')
    const { rows } = await this.#db.raw<{ rows: { event: string }[] }>(
      `SELECT event FROM audit_events WHERE ${where} ORDER BY seq ${order === 'asc' ? 'ASC' : 'DESC'} LIMIT ?`,
      [...conditions.map(([, value]) => value), limit + 1],
    )
    const events = rows.map(({ event }): AuditEvent => JSON.parse(event))
    return ok(pageOf(events, limit, ({ seq }) => seq))
  }

  /** @returns one page of signed checkpoints, newest first, or ARGUMENT_INVALID when the cursor is not one of ours */
  async checkpoints(limit: number, cursor?: string): Promise<Result<Paged<StoredCheckpoint>, Fault>> {
    const below = parseCursor(cursor)
    if (!below.ok) return below
    const checkpoints = await new CheckpointStore(this.#db).list(limit + 1, below.value)
    return ok(pageOf(checkpoints, limit, ({ size }) => size))
  }
}

/** What an id looks like; a name may look so too. Only names have an index. */
const RESOURCE_ID = /^[a-z]{3}_[0-9a-z]{25}$/u

/** What an event has to fulfil, each with the one value that its SQL takes. */
export type Condition = readonly [sql: string, value: string | number | Date | string[]]

export function conditionsOf(filters: EventFilters): Condition[] {
  const { q, types } = filters
  const all: readonly (readonly [sql: string, value: Condition[1] | undefined])[] = [
    ['agent_id = ?', filters.agentId],
    ['session_id = ?', filters.sessionId],
    [
      filters.resource !== undefined && RESOURCE_ID.test(filters.resource)
        ? '? IN (resource_id, resource_name)'
        : 'resource_name = ?',
      filters.resource,
    ],
    ['environment = ?', filters.environment],
    ['type = ?', filters.type],
    ['type = ANY(?::text[])', types && [...types]],
    ['outcome = ?', filters.outcome],
    ['at >= ?', filters.from],
    ['at < ?', filters.to],
    ["event ILIKE ? ESCAPE '!'", q === undefined ? undefined : `%${q.replace(/[!%_]/gu, '!$&')}%`],
    ['seq > ?', filters.afterSeq],
  ]
  return all.flatMap(([sql, value]) => (value === undefined ? [] : [[sql, value] as const]))
}

export function pageOf<T>(found: readonly T[], limit: number, keyOf: (item: T) => number): Paged<T> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return {
    items,
    nextCursor:
      found.length > limit && last !== undefined ? Buffer.from(String(keyOf(last))).toString('base64url') : null,
  }
}

export function parseCursor(cursor: string | undefined): Result<number | undefined, Fault> {
  if (cursor === undefined) return ok(undefined)
  const text = Buffer.from(cursor, 'base64url').toString()
  if (/^[1-9]\d{0,14}$/.test(text)) return ok(Number(text))
  return err(fault('ARGUMENT_INVALID', { message: 'cursor is not one that a list returned' }))
}
