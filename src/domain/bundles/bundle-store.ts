import type { Knex } from 'knex'

export type BundleState = 'active' | 'held' | 'discarded' | 'superseded'

/** What is known of a bundle, without its bytes. */
export interface BundleFacts {
  readonly digest: string
  readonly revision: string
  readonly sequence: number
  readonly state: BundleState
  /** The URL it came from, `shipped` or `push`. */
  readonly source: string
  /** Null when nobody pushed it. */
  readonly pushedBy: { readonly id: string; readonly name: string } | null
  readonly changedAt: Date
  /** The last time it became active; null when it never was. */
  readonly activatedAt: Date | null
}

export interface StoredBundle extends BundleFacts {
  readonly bytes: Buffer
  /** The report of the impact gate as JSON; null where no decision was replayed. */
  readonly report: string | null
}

/** Why the last bundle was refused. */
export interface BundleRefusal {
  readonly code: string
  readonly detail: string
  readonly source: string
  readonly at: string
}

export interface RecordedDecision {
  /** Canonical JSON. */
  readonly input: string
  /** Canonical JSON. */
  readonly decision: string
  /** Digest of the bundle that decided; null or empty where none did. */
  readonly policy: string | null
}

interface BundleRow {
  readonly digest: string
  readonly revision: string
  readonly sequence: string
  readonly state: BundleState
  readonly source: string
  readonly pushed_by_id: string | null
  readonly pushed_by_name: string | null
  readonly changed_at: Date
  readonly activated_at: Date | null
}

type StoredRow = BundleRow & { readonly bytes: Buffer; readonly report: string | null }

const columns = [
  'digest',
  'revision',
  'sequence',
  'state',
  'source',
  'pushed_by_id',
  'pushed_by_name',
  'changed_at',
  'activated_at',
]

/** The only SQL about policy bundles. Bound to a connection pool or to one transaction. */
export class BundleStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Waits until nobody else changes what is active. Within a transaction only. @returns the highest sequence ever active */
  async lock(): Promise<number> {
    const row: { sequence_floor: string } | undefined = await this.#db('policy_state').forUpdate().first()
    return Number(row?.sequence_floor ?? 0)
  }

  /** What was refused last, and the highest sequence ever active: nothing below it may follow. */
  async state(): Promise<{ readonly floor: number; readonly lastError: BundleRefusal | null }> {
    const row: { sequence_floor: string; last_error: string | null } | undefined =
      await this.#db('policy_state').first()
    const lastError: BundleRefusal | null = row?.last_error == null ? null : JSON.parse(row.last_error)
    return { floor: Number(row?.sequence_floor ?? 0), lastError }
  }

  async refused(refusal: BundleRefusal): Promise<void> {
    await this.#db('policy_state').update({ last_error: JSON.stringify(refusal) })
  }

  async activeDigest(): Promise<string | undefined> {
    const row: { digest: string } | undefined = await this.#db('policy_bundles')
      .where({ state: 'active' })
      .first('digest')
    return row?.digest
  }

  async find(digest: string): Promise<StoredBundle | undefined> {
    const row: StoredRow | undefined = await this.#db('policy_bundles').where({ digest }).first()
    return row && { ...factsOf(row), bytes: row.bytes, report: row.report }
  }

  /** The last bundles that something happened to, the latest first. */
  async list(limit: number, state?: BundleState): Promise<readonly BundleFacts[]> {
    const rows: BundleRow[] = await this.#db('policy_bundles')
      .select(columns)
      .where(state === undefined ? {} : { state })
      .orderBy('changed_at', 'desc')
      .limit(limit)
    return rows.map(factsOf)
  }

  /** The digest of the bundle that was active before the present one. */
  async previous(): Promise<string | undefined> {
    const row: { digest: string } | undefined = await this.#db('policy_bundles')
      .where({ state: 'superseded' })
      .orderBy('changed_at', 'desc')
      .first('digest')
    return row?.digest
  }

  /** Keeps a bundle, or keeps it anew when it comes again. */
  async put({ pushedBy, ...bundle }: StoredBundle): Promise<void> {
    const row = {
      digest: bundle.digest,
      revision: bundle.revision,
      sequence: bundle.sequence,
      state: bundle.state,
      source: bundle.source,
      pushed_by_id: pushedBy?.id ?? null,
      pushed_by_name: pushedBy?.name ?? null,
      report: bundle.report,
      bytes: bundle.bytes,
      changed_at: bundle.changedAt,
      activated_at: bundle.activatedAt,
    }
    await this.#db('policy_bundles').insert(row).onConflict('digest').merge()
    if (bundle.state === 'active')
      await this.#db('policy_state').update({
        sequence_floor: this.#db.raw('greatest(sequence_floor, ?::bigint)', [bundle.sequence]),
        last_error: null,
      })
  }

  /** Takes the active bundle out of force. */
  async retireActive(state: 'superseded' | 'discarded', at: Date): Promise<void> {
    await this.#db('policy_bundles').where({ state: 'active' }).update({ state, changed_at: at })
  }

  async discard(digest: string, at: Date): Promise<void> {
    await this.#db('policy_bundles').where({ digest }).update({ state: 'discarded', changed_at: at })
  }

  /** The questions and answers that stand beside events, by their number. */
  async recordedAt(
    seqs: readonly number[],
  ): Promise<ReadonlyMap<number, Pick<RecordedDecision, 'input' | 'decision'>>> {
    const rows: { seq: string; input: string; decision: string }[] = await this.#db('audit_decisions')
      .select('seq', 'input', 'decision')
      .whereIn('seq', [...seqs])
    return new Map(rows.map(({ seq, ...recorded }) => [Number(seq), recorded]))
  }

  /** What was asked and answered under an id; undefined when nothing was, or it is kept no more. */
  async recordedUnder(decisionId: string): Promise<Pick<RecordedDecision, 'input' | 'decision'> | undefined> {
    return this.#db('audit_decisions').where({ decision_id: decisionId }).first('input', 'decision')
  }

  /** The last decisions on record, the latest first, read a page at a time. @param window from when on, and before when */
  async *recordedDecisions(
    limit: number,
    { from, to }: { readonly from?: Date | undefined; readonly to?: Date | undefined } = {},
  ): AsyncGenerator<RecordedDecision> {
    let before = Number.MAX_SAFE_INTEGER
    for (let left = limit; left > 0; left -= PAGE_ROWS) {
      const rows: (RecordedDecision & { seq: string })[] = await this.#db('audit_decisions as d')
        .join('audit_events as e', 'e.seq', 'd.seq')
        .select('d.seq', 'd.input', 'd.decision')
        .select(this.#db.raw("e.event::json #>> '{policy,digest}' AS policy"))
        .where('d.seq', '<', before)
        .where((within) => {
          if (from !== undefined) void within.where('d.at', '>=', from)
          if (to !== undefined) void within.where('d.at', '<', to)
        })
        .orderBy('d.seq', 'desc')
        .limit(Math.min(left, PAGE_ROWS))
      yield* rows
      if (rows.length < PAGE_ROWS) return
      before = Number(rows.at(-1)?.seq)
    }
  }
}

const PAGE_ROWS = 500

function factsOf(row: BundleRow): BundleFacts {
  const { digest, revision, sequence, state, source, pushed_by_id: id, pushed_by_name: name } = row
  const pushedBy = id === null ? null : { id, name: name ?? '' }
  const times = { changedAt: row.changed_at, activatedAt: row.activated_at }
  return { digest, revision, sequence: Number(sequence), state, source, pushedBy, ...times }
}
