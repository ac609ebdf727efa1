import type { Knex } from 'knex'
import { type Fault, fault, must } from '../kernel/fault.ts'
import { err, ok, type Result } from '../kernel/result.ts'

export const pageLimitDefault = 50
export const pageLimitMax = 200

/** Which part of a list is wanted. Lists are ordered by creation, then id. */
export interface Page {
  readonly limit: number
  readonly order: 'asc' | 'desc'
  readonly cursor?: string
}

export interface Paged<T> {
  readonly items: readonly T[]
  /** Opaque; null on the last page. */
  readonly nextCursor: string | null
}

interface Ordered {
  readonly createdAt: Date
  readonly id: string
}

/**
 * Cuts one page out of a query by keyset, so that rows created meanwhile neither repeat nor hide others.
 * @param columns the creation and id columns, qualified by their table
 * @returns ARGUMENT_INVALID when the cursor is not one of ours
 */
export async function paginate<T extends Ordered>(
  query: Knex.QueryBuilder,
  columns: { readonly createdAt: string; readonly id: string },
  page: Page,
  fromRow: (row: never) => T,
): Promise<Result<Paged<T>, Fault>> {
  if (page.cursor !== undefined) {
    const after = parseCursor(page.cursor)
    if (after === undefined) return err(cursorFault())
    const comparison = page.order === 'asc' ? '>' : '<'
    void query.whereRaw(`(date_trunc('milliseconds', ??), ??) ${comparison} (?::timestamptz, ?)`, [
      columns.createdAt,
      columns.id,
      after.createdAt,
      after.id,
    ])
  }
  const rows: never[] = await query
    .orderByRaw(`date_trunc('milliseconds', ??) ${page.order}, ?? ${page.order}`, [columns.createdAt, columns.id])
    .limit(page.limit + 1)
  const items = rows.slice(0, page.limit).map(fromRow)
  const last = items.at(-1)
  return ok({
    items,
    nextCursor: rows.length > page.limit && last !== undefined ? cursorAfter(last) : null,
  })
}

/** The cursor with which a list that `paginate` made goes on after an item. */
export function cursorAfter({ createdAt, id }: Ordered): string {
  return encodeCursor([createdAt.toISOString(), id])
}

/**
 * All items of a list, oldest first, a page at a time.
 * @param after where to begin: a cursor that the list gave
 * @throws FaultError with what the list refuses
 */
export async function* everyItem<T>(
  list: (page: Page) => Promise<Result<Paged<T>, Fault>>,
  after?: string,
): AsyncGenerator<T> {
  let cursor: string | null | undefined = after
  while (cursor !== null) {
    const page: Page = { limit: pageLimitMax, order: 'asc', ...(cursor === undefined ? {} : { cursor }) }
    const found: Paged<T> = must(await list(page))
    yield* found.items
    cursor = found.nextCursor
  }
}

/** Which part of a list in the order of names is wanted. */
export type NamePage = Pick<Page, 'limit' | 'cursor'>

/**
 * As `paginate`, in the order of unique names, by code point whatever the database's collation.
 * @param column the name column, qualified by its table
 */
export async function paginateByName<T extends { readonly name: string }>(
  query: Knex.QueryBuilder,
  column: string,
  page: NamePage,
  fromRow: (row: never) => T,
): Promise<Result<Paged<T>, Fault>> {
  if (page.cursor !== undefined) {
    const after = parseNameCursor(page.cursor)
    if (after === undefined) return err(cursorFault())
    void query.whereRaw('?? COLLATE "C" > ?', [column, after])
  }
  const rows: never[] = await query.orderByRaw('?? COLLATE "C"', [column]).limit(page.limit + 1)
  const items = rows.slice(0, page.limit).map(fromRow)
  const last = items.at(-1)
  return ok({ items, nextCursor: rows.length > page.limit && last !== undefined ? encodeCursor([last.name]) : null })
}

function cursorFault(): Fault {
  return fault('ARGUMENT_INVALID', { message: 'cursor is not one that a list returned' })
}

function encodeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function parseCursor(cursor: string): { createdAt: Date; id: string } | undefined {
  const match = /^\["(\d{4}-\d{2}-\d{2}T[\d:.]{12}Z)","([a-z]{3}_[0-9a-z]{1,40})"\]$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  )
  const [, time, id] = match ?? []
  if (time === undefined || id === undefined) return undefined
  const createdAt = new Date(time)
  return Number.isNaN(createdAt.getTime()) ? undefined : { createdAt, id }
}

function parseNameCursor(cursor: string): string | undefined {
  return /^\["([^"\\\p{C}]{1,2048})"\]$/u.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
}
