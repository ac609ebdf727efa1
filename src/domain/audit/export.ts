import type { Knex } from 'knex'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { AuditKey } from './audit-key.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import type { Checkpointer } from './checkpointer.ts'

const EVENTS_PER_PAGE = 200
/** Besides the last one, the export carries one checkpoint for so many events: they tell where a damage begins. */
const EVENTS_PER_CHECKPOINT = 1_000

export interface ExportDeps {
  readonly knex: Knex
  readonly key: Pick<AuditKey, 'origin' | 'publicPem'>
  readonly checkpointer: Pick<Checkpointer, 'checkpoint'>
}

/**
 * The whole log as it is now, as lines of canonical JSON without their newlines: a header, one line per event with its
 * leaf hash and, while they are kept, its policy input and decision, and at the end signed checkpoints up to a fresh one
 * over all of it. `verifier.js` proves the export; one that was cut short or changed fails.
 * @returns a fault when the log does not continue its last checkpoint
 */
export async function exportLog({
  knex,
  key,
  checkpointer,
}: ExportDeps): Promise<Result<AsyncGenerator<string>, Fault>> {
  const checkpoint = await checkpointer.checkpoint()
  if (!checkpoint.ok) return checkpoint
  return ok(exportLines(knex, key, checkpoint.value?.size ?? 0))
}

async function* exportLines(
  knex: Knex,
  { origin, publicPem }: ExportDeps['key'],
  size: number,
): AsyncGenerator<string> {
  yield canonicalJson({ type: 'certlocker.audit-export/v1', origin, key: publicPem, size })
  for (let after = 0; after < size; after += EVENTS_PER_PAGE) {
    for (const row of await eventRows(knex, after, Math.min(size, after + EVENTS_PER_PAGE))) yield eventLine(row)
  }
  for (const note of await new CheckpointStore(knex).notesEvery(EVENTS_PER_CHECKPOINT, size))
    yield canonicalJson({ checkpoint: note })
}

interface ExportRow {
  readonly event: string
  readonly leaf: Buffer
  readonly input: string | null
  readonly decision: string | null
}

async function eventRows(knex: Knex, after: number, upTo: number): Promise<ExportRow[]> {
  return knex('audit_events as e')
    .leftJoin('audit_decisions as d', 'd.seq', 'e.seq')
    .select('e.event', 'e.leaf', 'd.input', 'd.decision')
    .where('e.seq', '>', after)
    .where('e.seq', '<=', upTo)
    .orderBy('e.seq')
}

/** The members are canonical JSON already and in order of their names, so the line is canonical JSON too. */
function eventLine({ event, leaf, input, decision }: ExportRow): string {
  const decided =
    input === null || decision === null
      ? { before: '', between: '' }
      : { before: `"decision":${decision},`, between: `"input":${input},` }
  return `{${decided.before}"event":${event},${decided.between}"leaf":"${leaf.toString('hex')}"}`
}
