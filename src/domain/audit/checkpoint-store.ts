import type { Knex } from 'knex'
import type { Frontier } from './merkle.ts'

/** A checkpoint as the database keeps it. What is true is what the note says, under its signature. */
export interface StoredCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly frontier: Frontier
  readonly note: string
  /** Fingerprint of the key that signed. */
  readonly keyId: string
  readonly at: Date
}

interface CheckpointRow {
  readonly size: string | number
  readonly root: Buffer
  readonly frontier: Buffer[]
  readonly note: string
  readonly key_id: string
  readonly at: Date
}

/** The only SQL about checkpoints. */
export class CheckpointStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Adds a checkpoint, unless another replica has added that of the same size. */
  async add(checkpoint: StoredCheckpoint): Promise<void> {
    await this.#db.raw(
      'INSERT INTO audit_checkpoints (size, root, frontier, note, key_id, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      [
        checkpoint.size,
        checkpoint.root,
        [...checkpoint.frontier.peaks],
        checkpoint.note,
        checkpoint.keyId,
        checkpoint.at,
      ],
    )
  }

  /** The checkpoint with the largest size, or the largest that is not above `sizeMax`. */
  async latest(sizeMax = Number.MAX_SAFE_INTEGER): Promise<StoredCheckpoint | undefined> {
    return this.#first(this.#db('audit_checkpoints').where('size', '<=', sizeMax).orderBy('size', 'desc'))
  }

  /** Checkpoints of sizes above `above`, up to `upTo`, from the smallest. */
  async between(above: number, upTo: number): Promise<StoredCheckpoint[]> {
    const rows: CheckpointRow[] = await this.#db('audit_checkpoints')
      .where('size', '>', above)
      .where('size', '<=', upTo)
      .orderBy('size')
    return rows.map(fromRow)
  }

  /** One page, newest first. */
  async list(limit: number, below = Number.MAX_SAFE_INTEGER): Promise<StoredCheckpoint[]> {
    const rows: CheckpointRow[] = await this.#db('audit_checkpoints')
      .where('size', '<', below)
      .orderBy('size', 'desc')
      .limit(limit)
    return rows.map(fromRow)
  }

  /** The notes of the last checkpoint within each `step` events, from the smallest, up to `sizeMax`. */
  async notesEvery(step: number, sizeMax: number): Promise<string[]> {
    const { rows } = await this.#db.raw<{ rows: { note: string }[] }>(
      `SELECT DISTINCT ON (part) note
       FROM (SELECT note, size, (size - 1) / ?::bigint AS part FROM audit_checkpoints WHERE size <= ?) parts
       ORDER BY part, size DESC`,
      [step, sizeMax],
    )
    return rows.map(({ note }) => note)
  }

  /** The size of a checkpoint that a log of that size cannot have, if there is one. */
  async sizeOutside(logSize: number): Promise<number | undefined> {
    const row: { size: string | number } | undefined = await this.#db('audit_checkpoints')
      .where('size', '>', logSize)
      .orWhere('size', '<', 1)
      .first('size')
    return row && Number(row.size)
  }

  async #first(query: Knex.QueryBuilder): Promise<StoredCheckpoint | undefined> {
    const row: CheckpointRow | undefined = await query.first()
    return row && fromRow(row)
  }
}

function fromRow({ size, root, frontier, note, key_id: keyId, at }: CheckpointRow): StoredCheckpoint {
  return { size: Number(size), root, frontier: { size: Number(size), peaks: frontier }, note, keyId, at }
}
