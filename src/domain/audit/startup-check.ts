import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { auditFault } from './audit-fault.ts'
import { type Checkpoint, type CheckpointVerifier, openCheckpoint } from './checkpoint.ts'
import type { CheckpointHistory } from './checkpoint-history.ts'
import { CheckpointStore, type StoredCheckpoint } from './checkpoint-store.ts'
import type { SignedCheckpoint } from './checkpointer.ts'
import { advanceFrontier, rehashEvents } from './leaf-reader.ts'
import { firstMissingSeq, readLastSeq, readLogFrontier } from './log-head.ts'
import { emptyFrontier, type Frontier, isFrontier, rootOf } from './merkle.ts'

/** A log that continues every checkpoint known, or that the operator accepts as it is. */
export interface CheckedLog {
  readonly frontier: Frontier
  readonly checkpoint: SignedCheckpoint | null
  /** Set when the copy outside the database says otherwise and the operator accepts the log as it is. */
  readonly accepted: { readonly acceptedTruncatedSize: number; readonly previousSize: number } | null
}

export interface StartupCheckDeps {
  readonly knex: Knex
  readonly key: CheckpointVerifier
  readonly history: CheckpointHistory
  /** The size of a log that may be shorter than, or differ from, the copy of the checkpoints outside the database. */
  readonly acceptTruncated: number | undefined
}

/**
 * Checks at start that the log continues its last checkpoint and the copy of it outside the database. Only the events
 * since then are read; of those before, only that none is missing: `certlocker audit verify` reads them all.
 * @returns a fault to stop with when it does not; a database that contradicts itself is never accepted
 */
export async function checkLogAtStart({
  knex,
  key,
  history,
  acceptTruncated,
}: StartupCheckDeps): Promise<Result<CheckedLog, Fault>> {
  const outside = newestOf(await history.notes(), key)
  if (!outside.ok) return outside
  const store = new CheckpointStore(knex)
  const inside = await store.latest()
  const own = await checkDatabase(knex, inside, key)
  if (!own.ok) return own
  const checked = { frontier: own.value, checkpoint: inside ?? null }
  const difference =
    outside.value && (await differenceFrom(outside.value, { knex, store, inside, size: own.value.size }))
  if (outside.value === undefined || difference === undefined) return ok({ ...checked, accepted: null })
  const [size, previousSize] = [own.value.size, outside.value.size]
  if (acceptTruncated === size) return ok({ ...checked, accepted: { acceptedTruncatedSize: size, previousSize } })
  return err(
    auditFault(
      `The audit log in the database has ${size} events and ${difference}. Restore the database; or, when events are lost for good, ` +
        `start once with audit.acceptTruncated: ${size}, which goes on record`,
    ),
  )
}

/** The log must continue the newest checkpoint in its own database. */
async function checkDatabase(
  knex: Knex,
  inside: StoredCheckpoint | undefined,
  key: CheckpointVerifier,
): Promise<Result<Frontier, Fault>> {
  const frontier = await readLogFrontier(knex)
  if (frontier === undefined) return err(contradiction('the stored head of the log does not fit its root'))
  const last = await readLastSeq(knex)
  if (last < frontier.size) return err(contradiction(`its head says ${frontier.size} events, the last one is ${last}`))
  if (inside === undefined) return rehashesTo(knex, emptyFrontier, frontier)
  if (!isSound(inside, key))
    return err(contradiction(`the checkpoint of size ${inside.size} is not what the key signed`))
  if (inside.size > frontier.size)
    return err(contradiction(`the log has ${frontier.size} events, its last checkpoint ${inside.size}`))
  const missing = await firstMissingSeq(knex, inside.size)
  if (missing !== undefined) return err(contradiction(`event ${missing} is missing`))
  return rehashesTo(knex, inside.frontier, frontier)
}

async function rehashesTo(knex: Knex, from: Frontier, to: Frontier): Promise<Result<Frontier, Fault>> {
  const { frontier, firstBadSeq } = await rehashEvents(knex, from, to.size)
  if (firstBadSeq !== null) return err(contradiction(`event ${firstBadSeq} is missing or changed`))
  if (rootOf(frontier).equals(rootOf(to))) return ok(to)
  return err(
    contradiction(`the events from ${from.size + 1} to ${to.size} do not lead from the last checkpoint to the root`),
  )
}

interface Database {
  readonly knex: Knex
  readonly store: CheckpointStore
  readonly inside: StoredCheckpoint | undefined
  readonly size: number
}

/** @returns in words, how the log differs from the copy outside, or undefined when it continues it */
async function differenceFrom(
  outside: Checkpoint,
  { knex, store, inside, size }: Database,
): Promise<string | undefined> {
  const copy = `the copy of its checkpoints outside the database has ${outside.size}`
  if (outside.size > size) return `${copy}: it was truncated`
  if (inside === undefined) return `no checkpoint, but ${copy}`
  const base = await store.latest(outside.size)
  const then = await advanceFrontier(knex, base?.frontier ?? emptyFrontier, outside.size)
  if (!rootOf(then).equals(outside.root)) return `${copy} and another root: it is not the same log`
  const now = await advanceFrontier(knex, then, inside.size)
  return outside.size >= inside.size || rootOf(now).equals(inside.root)
    ? undefined
    : `${copy}, which it does not continue`
}

function newestOf(notes: readonly string[], key: CheckpointVerifier): Result<Checkpoint | undefined, Fault> {
  const newest = notes.reduce<string | undefined>(
    (best, note) => (best === undefined || sizeIn(note) >= sizeIn(best) ? note : best),
    undefined,
  )
  if (newest === undefined) return ok(undefined)
  const checkpoint = openCheckpoint(newest, key)
  return checkpoint
    ? ok(checkpoint)
    : err(auditFault('The newest checkpoint in the copy outside the database is not signed with the key of this log'))
}

function sizeIn(note: string): number {
  return Number(note.split('\n')[1])
}

function isSound({ size, root, frontier, note }: StoredCheckpoint, key: CheckpointVerifier): boolean {
  const signed = openCheckpoint(note, key)
  return (
    signed !== undefined &&
    signed.size === size &&
    signed.root.equals(root) &&
    isFrontier(frontier) &&
    rootOf(frontier).equals(root)
  )
}

function contradiction(what: string): Fault {
  return auditFault(
    `The audit log in the database contradicts itself: ${what}. It was tampered with or damaged; restore it from a backup`,
  )
}
