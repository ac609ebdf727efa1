import type { Knex } from 'knex'
import type { LogHead } from './audit-log.ts'
import { type Frontier, isFrontier, rootOf } from './merkle.ts'

export interface HeadRow {
  readonly size: string | number
  readonly root: Buffer
  readonly frontier: Buffer[]
}

/** The size and root that the database gives for the log. */
export async function readLogHead(db: Knex): Promise<LogHead> {
  const { size, root } = await headRow(db)
  return { size: Number(size), root }
}

/** The frontier that the database gives for the log, or undefined when it does not fit its root. */
export async function readLogFrontier(db: Knex): Promise<Frontier | undefined> {
  const row = await headRow(db)
  return frontierOf(row)
}

/** The sequence number of the last event there is; 0 when there is none. Read after a head, it is no smaller than its size. */
export async function readLastSeq(db: Knex): Promise<number> {
  const { rows } = await db.raw<{ rows: { last: string | null }[] }>('SELECT max(seq) AS last FROM audit_events')
  return Number(rows[0]?.last ?? 0)
}

const SEQS_PER_QUERY = 100_000

/**
 * The first sequence number up to `size` that no event has, or undefined when there is none. Only the index is read, in
 * parts that stay far below the time that a statement may take; 10^6 events take some tenths of a second.
 */
export async function firstMissingSeq(db: Knex, size: number): Promise<number | undefined> {
  for (let from = 0; from < size; from += SEQS_PER_QUERY) {
    const to = Math.min(size, from + SEQS_PER_QUERY)
    const { rows } = await db.raw<{ rows: { count: string }[] }>(
      'SELECT count(*) AS count FROM audit_events WHERE seq > ? AND seq <= ?',
      [from, to],
    )
    if (Number(rows[0]?.count) < to - from) return firstGap(db, from, to)
  }
  return undefined
}

async function firstGap(db: Knex, from: number, to: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { missing: string }[] }>(
    `SELECT expected AS missing FROM generate_series(?::bigint, ?::bigint) AS expected
      WHERE NOT EXISTS (SELECT FROM audit_events WHERE seq = expected) ORDER BY expected LIMIT 1`,
    [from + 1, to],
  )
  return Number(rows[0]?.missing)
}

/** The frontier of a stored head, or undefined when it does not fit the root: going on from it would spoil the log. */
export function frontierOf({ size, root, frontier: peaks }: HeadRow): Frontier | undefined {
  const frontier = { size: Number(size), peaks }
  return isFrontier(frontier) && rootOf(frontier).equals(root) ? frontier : undefined
}

async function headRow(db: Knex): Promise<HeadRow> {
  const { rows } = await db.raw<{ rows: HeadRow[] }>("SELECT size, root, frontier FROM audit_log WHERE id = 'main'")
  const [row] = rows
  if (row === undefined) throw new Error('the database has no audit log')
  return row
}
