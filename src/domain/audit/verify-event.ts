import type { Knex } from 'knex'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { digestOfText } from '../../kernel/digest.ts'
import type { AuditEvent } from './event.ts'
import { leafHash } from './merkle.ts'

const ROWS_PER_PAGE = 200

/** An event's row with the decision kept beside it; times in microseconds since the Unix epoch. */
export interface VerifiedRow {
  readonly seq: string
  readonly id: string
  readonly at_us: string
  readonly type: string
  readonly agent_id: string | null
  readonly session_id: string | null
  readonly resource_id: string | null
  readonly resource_name: string | null
  readonly environment: string | null
  readonly outcome: string | null
  readonly event: string
  readonly leaf: Buffer
  readonly decision_id: string | null
  readonly decision_at_us: string | null
  readonly input: string | null
  readonly decision: string | null
}

/** Every row of the log by sequence number, in pages. A row below 1 comes first. */
export async function* verifiedRows(db: Knex): AsyncGenerator<VerifiedRow[]> {
  let after: string | number = Number.MIN_SAFE_INTEGER
  for (;;) {
    const { rows }: { rows: VerifiedRow[] } = await db.raw<{ rows: VerifiedRow[] }>(
      `SELECT e.seq, e.id, (extract(epoch FROM e.at) * 1000000)::bigint AS at_us, e.type, e.agent_id, e.session_id,
         e.resource_id, e.resource_name, e.environment, e.outcome, e.event, e.leaf,
         d.decision_id, (extract(epoch FROM d.at) * 1000000)::bigint AS decision_at_us, d.input, d.decision
       FROM audit_events e LEFT JOIN audit_decisions d ON d.seq = e.seq
       WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
      [after, ROWS_PER_PAGE],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    after = last.seq
  }
}

/** @returns what is wrong within one row, or undefined */
export function problemInEvent(row: VerifiedRow): string | undefined {
  const event = parseCanonical(row.event)
  if (event === undefined) return 'its text is not canonical JSON of an event'
  const column = columnsOf(event).find(([name, value]) =>
    row[name] === null ? value !== null : String(row[name]) !== value,
  )
  if (column !== undefined) return `column ${column[0].replace('_us', '')} differs from the event`
  if (!leafHash(row.event).equals(row.leaf)) return 'its text does not fit its leaf hash'
  return row.decision_id === null && row.input === null ? undefined : problemInDecision(event, row)
}

function problemInDecision(event: AuditEvent, row: VerifiedRow): string | undefined {
  if (row.decision_id !== event.decisionId) return 'the decision kept beside it has another id'
  if (row.decision_at_us !== microseconds(event.at)) return 'the decision kept beside it has another time'
  if (event.inputDigest !== digestOfText(row.input ?? '')) return 'the input kept beside it does not fit its digest'
  if (event.details.decisionDigest !== digestOfText(row.decision ?? ''))
    return 'the decision kept beside it does not fit its digest'
  return undefined
}

function columnsOf(event: AuditEvent): [name: keyof VerifiedRow, value: string | null][] {
  return [
    ['seq', String(event.seq)],
    ['id', event.id],
    ['at_us', microseconds(event.at)],
    ['type', event.type],
    ['agent_id', event.agent?.id ?? null],
    ['session_id', event.sessionId],
    ['resource_id', event.resource?.id ?? null],
    ['resource_name', event.resource?.name ?? null],
    ['environment', event.resource?.environment ?? null],
    ['outcome', event.outcome],
  ]
}

function parseCanonical(text: string): AuditEvent | undefined {
  try {
    const event: AuditEvent = JSON.parse(text)
    const isEvent =
      typeof event === 'object' && event !== null && typeof event.details === 'object' && event.details !== null
    return isEvent && canonicalJson(event) === text ? event : undefined
  } catch {
    return undefined
  }
}

function microseconds(at: string): string {
  return `${Date.parse(at)}000`
}
