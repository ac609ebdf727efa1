import type { Knex } from 'knex'

/** What one look at the log's head says: all of it as of the same moment. */
export interface AuthorityReading {
  /** Moves whenever anybody's rights change. */
  readonly epoch: number
  /** How many events the audit log holds. */
  readonly logSize: number
  /** The database's clock, in milliseconds since the Unix epoch. */
  readonly databaseNowMs: number
}

interface AuthorityRow {
  readonly authority_epoch: string
  readonly size: string
  readonly now_ms: number
}

/** The read side of the authority epoch; the audit log advances it. */
export class AuthorityStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async read(): Promise<AuthorityReading> {
    const { rows } = await this.#db.raw<{ rows: AuthorityRow[] }>(
      "SELECT authority_epoch, size, (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now_ms FROM audit_log WHERE id = 'main'",
    )
    const [row] = rows
    if (row === undefined) throw new Error('audit_log has no row; its migration did not run')
    return { epoch: Number(row.authority_epoch), logSize: Number(row.size), databaseNowMs: row.now_ms }
  }
}
