import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { ok } from '../../kernel/result.ts'
import type { Paged } from '../page.ts'
import { pageOf, parseCursor } from './audit-store.ts'

/** A version of a secret whose value an agent was given. */
export interface Exposure {
  readonly secretId: string
  /** As it was named then. */
  readonly secretName: string
  readonly version: number
  readonly reads: number
  readonly firstReadAt: Date
  readonly lastReadAt: Date
  /** Of the last read. */
  readonly lastSeq: number
}

/** What agents have seen, from the log alone: it outlives the secrets. */
export class ExposureStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /**
   * The secret versions that an agent has read, the last read first. A read counts once its completion is on record; one
   * that was stopped between record and release counts too, since too much rotated is safe. A version has no column of
   * its own; in canonical JSON no text within the event can look like the members that are cut out here, because its
   * quotes are escaped.
   * @returns ARGUMENT_INVALID when the cursor is not one of ours
   */
  async ofAgent(agentId: string, limit: number, cursor?: string): Promise<Result<Paged<Exposure>, Fault>> {
    const before = parseCursor(cursor)
    if (!before.ok) return before
    const { rows } = await this.#db.raw<{ rows: ExposureRow[] }>(
      `SELECT resource_id, max(resource_name) AS resource_name, version, count(*) AS reads,
         min(at) AS first_at, max(at) AS last_at, max(seq) AS last_seq
       FROM (
         SELECT seq, at, resource_id, resource_name,
           substring(event FROM '"type":"secret","version":([0-9]+)[,}]')::int AS version
         FROM audit_events
         WHERE agent_id = ? AND type = 'AI_AGENT_CALL_COMPLETED' AND event LIKE '%"tool":"certlocker_get_secret"%'
       ) reads
       WHERE version IS NOT NULL
       GROUP BY resource_id, version
       HAVING max(seq) < ?
       ORDER BY max(seq) DESC LIMIT ?`,
      [agentId, before.value ?? Number.MAX_SAFE_INTEGER, limit + 1],
    )
    return ok(pageOf(rows.map(fromRow), limit, ({ lastSeq }) => lastSeq))
  }
}

interface ExposureRow {
  readonly resource_id: string
  readonly resource_name: string
  readonly version: number
  readonly reads: string
  readonly first_at: Date
  readonly last_at: Date
  readonly last_seq: string
}

function fromRow(row: ExposureRow): Exposure {
  return {
    secretId: row.resource_id,
    secretName: row.resource_name,
    version: row.version,
    reads: Number(row.reads),
    firstReadAt: row.first_at,
    lastReadAt: row.last_at,
    lastSeq: Number(row.last_seq),
  }
}
