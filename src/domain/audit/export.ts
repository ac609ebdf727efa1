import type { Knex } from 'knex'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { AuditKey } from './audit-key.ts'
import { conditionsOf, type EventFilters } from './audit-store.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import type { Checkpointer, SignedCheckpoint } from './checkpointer.ts'
import { csvHeader, csvRecord } from './csv-record.ts'
import type { AuditEvent } from './event.ts'
import { InclusionPaths } from './inclusion-paths.ts'
import { ocsfEvent } from './ocsf-event.ts'

const EVENTS_PER_PAGE = 200
/** Besides the last one, the export carries one checkpoint for so many events: they tell where a damage begins. */
const EVENTS_PER_CHECKPOINT = 1_000

export const exportFormats = ['ndjson', 'csv', 'ocsf'] as const
export type ExportFormat = (typeof exportFormats)[number]

export interface ExportDeps {
  readonly knex: Knex
  readonly key: Pick<AuditKey, 'origin' | 'publicPem'>
  readonly checkpointer: Pick<Checkpointer, 'checkpoint'>
}

export interface ExportRequest {
  readonly format: ExportFormat
  /** Which events; none for the whole log. */
  readonly filters: EventFilters
}

/**
 * The log as it is now, or a part of it, in texts to be written one after another; never more than a page of events is
 * in memory. As `ndjson` it carries its proofs, and `verifier.js` verifies it offline: the whole log by signed
 * checkpoints over all of it, a part by a proof for each event. `csv` and `ocsf` are for other tools and carry none.
 * @returns a fault when the log does not continue its last checkpoint
 */
export async function exportLog(
  { knex, key, checkpointer }: ExportDeps,
  { format, filters }: ExportRequest = { format: 'ndjson', filters: {} },
): Promise<Result<AsyncGenerator<string>, Fault>> {
  const made = await checkpointer.checkpoint()
  if (!made.ok) return made
  const checkpoint = made.value
  const rows = exportRows(knex, filters, checkpoint?.size ?? 0)
  if (format === 'csv') return ok(csvTexts(rows))
  if (format === 'ocsf') return ok(ocsfLines(rows))
  if (checkpoint === null || conditionsOf(filters).length === 0) return ok(wholeLines(knex, key, checkpoint, rows))
  const paths = await InclusionPaths.of(knex, checkpoint)
  return paths.ok ? ok(partLines(key, checkpoint, filters, provenRows(rows, paths.value))) : paths
}

/** A header, one line per event with its leaf hash and, while they are kept, input and decision, then checkpoints. */
async function* wholeLines(
  knex: Knex,
  { origin, publicPem }: ExportDeps['key'],
  checkpoint: SignedCheckpoint | null,
  rows: AsyncIterable<ExportRow>,
): AsyncGenerator<string> {
  const size = checkpoint?.size ?? 0
  yield line(canonicalJson({ type: 'certlocker.audit-export/v1', origin, key: publicPem, size }))
  for await (const row of rows) yield line(eventText(row))
  for (const note of await new CheckpointStore(knex).notesEvery(EVENTS_PER_CHECKPOINT, size))
    yield line(canonicalJson({ checkpoint: note }))
}

/** A header with the checkpoint, one line per event with the proof that it lies under it, and how many there are. */
async function* partLines(
  { origin, publicPem }: ExportDeps['key'],
  { note: checkpoint }: SignedCheckpoint,
  filters: EventFilters,
  rows: AsyncIterable<ExportRow & { readonly proof: readonly string[] }>,
): AsyncGenerator<string> {
  const type = 'certlocker.audit-part/v1'
  yield line(canonicalJson({ type, origin, key: publicPem, checkpoint, filters: filtersView(filters) }))
  let events = 0
  for await (const row of rows) {
    yield line(`${eventText(row).slice(0, -1)},"proof":${JSON.stringify(row.proof)}}`)
    events++
  }
  yield line(canonicalJson({ events }))
}

async function* provenRows(rows: AsyncIterable<ExportRow>, paths: InclusionPaths) {
  for await (const row of rows) {
    const path = await paths.of(Number(row.seq))
    yield { ...row, proof: path.map((hash) => hash.toString('base64')) }
  }
}

async function* csvTexts(rows: AsyncIterable<ExportRow>): AsyncGenerator<string> {
  yield csvHeader
  for await (const { event } of rows) yield csvRecord(parsed(event))
}

async function* ocsfLines(rows: AsyncIterable<ExportRow>): AsyncGenerator<string> {
  for await (const { event } of rows) yield line(JSON.stringify(ocsfEvent(parsed(event), event)))
}

interface ExportRow {
  readonly seq: string
  readonly event: string
  readonly leaf: Buffer
  readonly input: string | null
  readonly decision: string | null
}

async function* exportRows(knex: Knex, filters: EventFilters, size: number): AsyncGenerator<ExportRow> {
  const conditions = conditionsOf(filters)
  const where = ['seq > ?', 'seq <= ?', ...conditions.map(([sql]) => sql)].join(' AND ')
  for (let after: string | number | undefined = 0; after !== undefined; ) {
    const { rows }: { rows: ExportRow[] } = await knex.raw<{ rows: ExportRow[] }>(
      `SELECT e.seq, e.event, e.leaf, d.input, d.decision
       FROM (SELECT * FROM audit_events WHERE ${where} ORDER BY seq LIMIT ?) e
       LEFT JOIN audit_decisions d ON d.seq = e.seq ORDER BY e.seq`,
      [after, size, ...conditions.map(([, value]) => value), EVENTS_PER_PAGE],
    )
    yield* rows
    after = rows.length < EVENTS_PER_PAGE ? undefined : rows.at(-1)?.seq
  }
}

/** The members are canonical JSON already and in order of their names, so the whole is canonical JSON too. */
function eventText({ event, leaf, input, decision }: ExportRow): string {
  const decided =
    input === null || decision === null
      ? { before: '', between: '' }
      : { before: `"decision":${decision},`, between: `"input":${input},` }
  return `{${decided.before}"event":${event},${decided.between}"leaf":"${leaf.toString('hex')}"}`
}

/** What was asked for, as the log and the export state it. */
export function filtersView({ from, to, types, ...same }: EventFilters) {
  return {
    ...same,
    ...(types === undefined ? {} : { types: [...types] }),
    ...(from === undefined ? {} : { from: from.toISOString() }),
    ...(to === undefined ? {} : { to: to.toISOString() }),
  }
}

function parsed(event: string): AuditEvent {
  return JSON.parse(event)
}

function line(text: string): string {
  return `${text}\n`
}
