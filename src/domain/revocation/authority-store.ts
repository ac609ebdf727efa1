import type { Knex } from 'knex'

/** What one look at the log's head says: all of it as of the same moment. */
export interface AuthorityReading {
  /** Moves whenever anybody's rights change. */
  readonly epoch: number
  /** How many events the audit log holds. */
  readonly logSize: number
  /** The database's clock, in milliseconds since the Unix epoch. */
  readonly databaseNowMs: number
  /** Sessions whose end the log holds after the size that was asked about; beyond `endsPerReadMax`, some of them. */
  readonly endedSessions: readonly string[]
}

/** More ends than this in one look, and the caches are emptied instead of telling one by one. */
export const endsPerReadMax = 1_000

interface AuthorityRow {
  readonly authority_epoch: string
  readonly size: string
  readonly now_ms: number
  readonly ended: string[]
}

/** The read side of the authority epoch; the audit log advances it. */
export class AuthorityStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** @param logSize from where on ends of sessions are asked for; left out: none are */
  async read(logSize?: number): Promise<AuthorityReading> {
    const { rows } = await this.#db.raw<{ rows: AuthorityRow[] }>(
      `SELECT authority_epoch, size, (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now_ms,
        ARRAY(SELECT session_id FROM audit_events WHERE type = 'AI_AGENT_SESSION_ENDED' AND seq > ? LIMIT ?) AS ended
      FROM audit_log WHERE id = 'main'`,
      [logSize ?? null, endsPerReadMax + 1],
    )
    const [row] = rows
    if (row === undefined) throw new Error('audit_log has no row; its migration did not run')
    return {
      epoch: Number(row.authority_epoch),
      logSize: Number(row.size),
      databaseNowMs: row.now_ms,
      endedSessions: row.ended,
    }
  }
}
