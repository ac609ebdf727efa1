import type { Knex } from 'knex'
import { type Frontier, hashBytes, leafHash, pushLeaves } from './merkle.ts'

/** A power of two: a page that begins at a multiple of it is a complete subtree, but for the last one. */
export const leavesPerPage = 4_096
const EVENTS_PER_PAGE = 500

/** Leaf hashes of the events after `from` up to `to`, in pages. Where events are missing, there are fewer. */
export async function* leafPages(db: Knex, from: number, to: number): AsyncGenerator<Buffer[]> {
  for (let start = from; start < to; start += leavesPerPage) {
    const end = Math.min(to, start + leavesPerPage)
    const { rows } = await db.raw<{ rows: { leaves: Buffer | null }[] }>(
      "SELECT string_agg(leaf, ''::bytea ORDER BY seq) AS leaves FROM audit_events WHERE seq > ? AND seq <= ?",
      [start, end],
    )
    yield splitHashes(rows[0]?.leaves ?? Buffer.alloc(0))
  }
}

/** The frontier at `size`, going on from an earlier one. Its size tells whether events were missing. */
export async function advanceFrontier(db: Knex, frontier: Frontier, size: number): Promise<Frontier> {
  let advanced = frontier
  for await (const leaves of leafPages(db, frontier.size, size)) advanced = pushLeaves(advanced, leaves)
  return advanced
}

/** As `advanceFrontier`, from the events themselves; stops at the first one that is missing or does not fit its leaf. */
export async function rehashEvents(
  db: Knex,
  frontier: Frontier,
  size: number,
): Promise<{ frontier: Frontier; firstBadSeq: number | null }> {
  let rehashed = frontier
  while (rehashed.size < size) {
    const end = Math.min(size, rehashed.size + EVENTS_PER_PAGE)
    const rows: EventRow[] = await db('audit_events')
      .select('seq', 'event', 'leaf')
      .where('seq', '>', rehashed.size)
      .where('seq', '<=', end)
      .orderBy('seq')
    const start = rehashed.size
    const bad = Array.from({ length: end - start }, (_, index) => index).find(
      (index) => !isEventAt(rows[index], start + index + 1),
    )
    if (bad !== undefined) return { frontier: rehashed, firstBadSeq: start + bad + 1 }
    rehashed = pushLeaves(
      rehashed,
      rows.map(({ leaf }) => leaf),
    )
  }
  return { frontier: rehashed, firstBadSeq: null }
}

interface EventRow {
  readonly seq: string | number
  readonly event: string
  readonly leaf: Buffer
}

function isEventAt(row: EventRow | undefined, seq: number): boolean {
  return row !== undefined && Number(row.seq) === seq && leafHash(row.event).equals(row.leaf)
}

function splitHashes(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length / hashBytes }, (_, index) =>
    bytes.subarray(index * hashBytes, (index + 1) * hashBytes),
  )
}
