import type { Knex } from 'knex'
import type { AuditKey } from './audit-key.ts'
import type { CheckpointHistory } from './checkpoint-history.ts'
import { CheckpointStore, type StoredCheckpoint } from './checkpoint-store.ts'
import { readLogFrontier, readLogHead } from './log-head.ts'
import { problemInEvent, type VerifiedRow, verifiedRows } from './verify-event.ts'
import { type Finding, VerifyTree } from './verify-tree.ts'

/** What `GET /audit/verify` answers. */
export interface Verification {
  readonly ok: boolean
  /** Of the log as the database gives it. */
  readonly size: number
  /** Lower-case hex. */
  readonly root: string
  /** The newest signed checkpoint, as a note. */
  readonly checkpoint: string | null
  /**
   * The first event that is missing, changed, or not covered by a checkpoint that still fits. An event that was changed
   * together with its leaf hash is known only by the checkpoint after it: then this is the first event it could be.
   */
  readonly firstBadSeq: number | null
  readonly problem: string | null
}

export interface VerifyLogDeps {
  readonly knex: Knex
  readonly key: Pick<AuditKey, 'origin' | 'publicKey' | 'fingerprint'>
  readonly history: CheckpointHistory
  /** The largest size that this process has seen committed. */
  readonly committedSize: () => number
}

/**
 * Verifies the whole log as it is at this moment: every event and its columns, every decision kept beside them, every
 * checkpoint inside and outside the database, the head, and that nothing is missing at the end.
 */
export async function verifyLog({ knex, key, history, committedSize }: VerifyLogDeps): Promise<Verification> {
  // Both are read before the snapshot is taken, so that the log cannot rightly be shorter.
  const sizeSeen = committedSize()
  const outside = await history.notes()
  return knex.transaction(
    async (trx) => {
      const head = await readLogHead(trx)
      const store = new CheckpointStore(trx)
      const tree = new VerifyTree(key, outside)
      const found =
        (await verifyEvents(trx, store, tree, head.size)) ??
        tree.problemAtEnd({
          head,
          canGoOn: (await readLogFrontier(trx)) !== undefined,
          sizeSeen,
          strayCheckpoint: await store.sizeOutside(head.size),
        }) ??
        (await strayDecision(trx))
      return {
        ok: found === undefined,
        size: head.size,
        root: head.root.toString('hex'),
        checkpoint: (await store.latest())?.note ?? null,
        firstBadSeq: found?.seq ?? null,
        problem: found?.problem ?? null,
      }
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}

async function verifyEvents(
  trx: Knex,
  store: CheckpointStore,
  tree: VerifyTree,
  size: number,
): Promise<Finding | undefined> {
  for await (const rows of verifiedRows(trx)) {
    const finding = verifyPage(rows, await store.between(tree.size, tree.size + rows.length), tree, size)
    if (finding !== undefined) return finding
  }
  if (tree.size >= size) return undefined
  return { seq: tree.size + 1, problem: `events from ${tree.size + 1} to ${size} are missing` }
}

function verifyPage(
  rows: readonly VerifiedRow[],
  checkpoints: readonly StoredCheckpoint[],
  tree: VerifyTree,
  size: number,
): Finding | undefined {
  const stored = new Map(checkpoints.map((checkpoint) => [checkpoint.size, checkpoint]))
  for (const row of rows) {
    const finding = problemInRow(row, tree.size + 1, size)
    if (finding !== undefined) return finding
    tree.push(row.leaf)
    const checkpoint = stored.get(tree.size)
    const unfit = checkpoint !== undefined || tree.hasCopyHere ? tree.problemHere(checkpoint) : undefined
    if (unfit !== undefined) return unfit
  }
  return undefined
}

function problemInRow(row: VerifiedRow, expected: number, size: number): Finding | undefined {
  const seq = Number(row.seq)
  if (seq > expected) return { seq: expected, problem: `event ${expected} is missing` }
  if (seq < expected || seq > size) return { seq, problem: `event ${seq} lies outside the log` }
  const problem = problemInEvent(row)
  return problem === undefined ? undefined : { seq, problem: `event ${seq}: ${problem}` }
}

async function strayDecision(trx: Knex): Promise<Finding | undefined> {
  const { rows } = await trx.raw<{ rows: { seq: string | null }[] }>(
    'SELECT min(seq) AS seq FROM audit_decisions d WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.seq = d.seq)',
  )
  const seq = rows[0]?.seq ?? null
  return seq === null
    ? undefined
    : { seq: Number(seq), problem: `a decision is kept for event ${seq}, which does not exist` }
}
