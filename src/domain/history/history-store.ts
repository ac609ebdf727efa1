import type { Knex } from 'knex'
import type { AuditEvent } from '../audit/event.ts'
import { decisionTypes } from './deed.ts'

interface EventRow {
  readonly event: string
}

/** What the log held of an agent at one moment. */
export interface AgentPast {
  /** Newest first. */
  readonly events: readonly AuditEvent[]
  /** The size of the log at that moment: every event with this number or a lower one was looked at. */
  readonly logSize: number
}

/** Reads the decisions of the past from the audit log. */
export class HistoryStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async logSize(): Promise<number> {
    const row: { size: string } | undefined = await this.#db('audit_log').first('size')
    return Number(row?.size)
  }

  /**
   * The newest decisions about an agent, before an event and after a time.
   * @returns at most `limit`; fewer when there are no more
   */
  async before(seq: number, agentId: string, after: Date, limit: number): Promise<AgentPast> {
    // One statement, so one snapshot: the log has no gaps and its order is that of commits, so it is complete up to its size.
    const { rows } = await this.#db.raw<{ rows: { size: string; event: string | null }[] }>(
      `SELECT log.size, past.event FROM audit_log AS log LEFT JOIN LATERAL (
        SELECT seq, at, event FROM audit_events
        WHERE agent_id = ? AND seq < ? AND type = ANY(?::text[]) ORDER BY seq DESC LIMIT ?
      ) AS past ON past.at > ? WHERE log.id = 'main' ORDER BY past.seq DESC`,
      [agentId, seq, [...decisionTypes], limit, after],
    )
    return {
      events: rows.flatMap(({ event }) => (event === null ? [] : [parse(event)])),
      logSize: Number(rows[0]?.size),
    }
  }

  /** The decisions about agents in a range of the log, both ends included. */
  async between(firstSeq: number, lastSeq: number): Promise<readonly AuditEvent[]> {
    const rows: EventRow[] = await this.#db('audit_events')
      .whereBetween('seq', [firstSeq, lastSeq])
      .whereIn('type', [...decisionTypes])
      .orderBy('seq')
      .select('event')
    return rows.map(({ event }) => parse(event))
  }
}

function parse(text: string): AuditEvent {
  return JSON.parse(text)
}
