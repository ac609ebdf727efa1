import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import type { Result } from '../../kernel/result.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import { environmentSql, groupNamesSql, type Membership, replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type NamePage, type Page, type Paged, paginate, paginateByName } from '../page.ts'
import type { Probe, ProbeDraft, ProbeResult } from './probe.ts'
import type { AddressResult, ProbeVerdict } from './probe-verdict.ts'

/** The class of advisory locks under which somebody's probes are counted. */
const COUNT_LOCK = 0x70726273

const membership: Membership = { table: 'probe_groups', column: 'probe_id', id: 'probes.id' }

interface ProbeRow {
  readonly id: string
  readonly target: string
  readonly expect_certificate: string | null
  readonly every_seconds: number | null
  readonly groups: string[]
  readonly environment: Environment | ''
  readonly created_at: Date
  readonly created_by: string
  readonly result_at: Date | null
  readonly verdict: ProbeVerdict | null
  readonly addresses: AddressResult[] | null
}

/** The only SQL about probes. Bound to a connection pool or to one transaction. */
export class ProbeStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<Probe | undefined> {
    const row: ProbeRow | undefined = await this.#select().where('probes.id', id).first()
    return row && fromRow(row)
  }

  /** As `find`, of a probe that must be there. @throws Error when it is not */
  async need(id: string): Promise<Probe> {
    const probe = await this.find(id)
    if (probe === undefined) throw new Error(`probe ${id} vanished within its transaction`)
    return probe
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(id: string): Promise<Probe | undefined> {
    await this.#db('probes').select('id').where({ id }).forUpdate()
    return this.find(id)
  }

  /** How many probes somebody made since then. Who else asks the same waits until the transaction ends. */
  async countBy(createdBy: string, since: Date): Promise<number> {
    await this.#db.raw('SELECT pg_advisory_xact_lock(?, hashtext(?))', [COUNT_LOCK, createdBy])
    const found: { count: string } | undefined = await this.#db('probes')
      .where('created_by', createdBy)
      .andWhere('created_at', '>', since)
      .count<{ count: string }>()
      .first()
    return Number(found?.count ?? 0)
  }

  /** The probe of that target in one of the groups that looked last. */
  async findByTarget(target: string, groups: readonly string[]): Promise<Probe | undefined> {
    const query = this.#select().where('probes.target', target)
    whereInAnyGroup(query, membership, groups)
    const row: ProbeRow | undefined = await query.orderByRaw('r.at DESC NULLS LAST, probes.id').first()
    return row && fromRow(row)
  }

  /** The probe of each target in one of the groups that looked last; targets that nobody probed are left out. */
  async latestOf(targets: readonly string[], groups: readonly string[]): Promise<readonly Probe[]> {
    const query = this.#select()
      .distinctOn('probes.target')
      .whereRaw('probes.target = ANY(?::text[])', [[...targets]])
    whereInAnyGroup(query, membership, groups)
    const rows: ProbeRow[] = await query.orderByRaw('probes.target, r.at DESC NULLS LAST, probes.id')
    return rows.map(fromRow)
  }

  /**
   * Targets that were probed for one of the groups, and those that one of them registers by their full name, in their order.
   * @param filter.query a part of the target, in any case
   */
  async listTargets(
    { groups, query }: { readonly groups: readonly string[]; readonly query: string },
    page: NamePage,
  ): Promise<Result<Paged<{ readonly name: string }>, Fault>> {
    const probed = this.#db('probes').select({ name: 'probes.target' })
    whereInAnyGroup(probed, membership, groups)
    const registered = this.#db
      .select(this.#db.raw("lower(CASE WHEN t ~ ':[0-9]+$' THEN t ELSE t || ':443' END)"))
      .fromRaw('groups, unnest(groups.probe_targets) t')
      .whereRaw("groups.name = ANY(?::text[]) AND strpos(t, '*') = 0", [[...groups]])
    const named = this.#db.select('named.name').from(probed.union(registered).as('named'))
    if (query !== '') void named.whereRaw('strpos(named.name, lower(?)) > 0', [query])
    return paginateByName(named, 'named.name', page, (row: { name: string }) => row)
  }

  /** @param filter.groups names or ids; probes in any of them */
  async list(
    filter: { readonly groups?: readonly string[]; readonly target?: string },
    page: Page,
  ): Promise<Result<Paged<Probe>, Fault>> {
    const query = this.#select()
    if (filter.groups !== undefined) whereInAnyGroup(query, membership, filter.groups)
    if (filter.target !== undefined) void query.where('probes.target', filter.target)
    return paginate(query, { createdAt: 'probes.created_at', id: 'probes.id' }, page, fromRow)
  }

  /**
   * @param nextAt when it runs again by itself; null for never
   * @returns undefined when there is one of that id
   */
  async insert(probe: ProbeDraft, nextAt: Date | null): Promise<Probe | undefined> {
    const inserted: unknown[] = await this.#db('probes')
      .insert({
        id: probe.id,
        target: probe.target,
        expect_certificate: probe.expectCertificate,
        every_seconds: probe.everySeconds,
        next_at: nextAt,
        created_at: probe.createdAt,
        created_by: probe.createdBy,
      })
      .onConflict('id')
      .ignore()
      .returning('id')
    if (inserted.length === 0) return undefined
    await replaceGroups(this.#db, membership, probe.id, probe.groups)
    return this.need(probe.id)
  }

  /** Saves what of a probe may change. @param nextAt when it runs again by itself; null for never */
  async save({ id, everySeconds, expectCertificate }: Probe, nextAt: Date | null): Promise<Probe> {
    await this.#db('probes')
      .where({ id })
      .update({ every_seconds: everySeconds, expect_certificate: expectCertificate, next_at: nextAt })
    return this.need(id)
  }

  /** @returns the probe with the result as its latest */
  async addResult(id: string, { at, verdict, addresses }: ProbeResult): Promise<Probe> {
    const result = { id: newId('prs'), probe_id: id, at, verdict, addresses: JSON.stringify(addresses) }
    await this.#db('probe_results').insert(result)
    return this.need(id)
  }

  /** Takes scheduled probes that are due and moves each on by its period, give or take a tenth. Replicas share them. */
  async claimDue(now: Date, limit: number): Promise<readonly Probe[]> {
    const claimed: { rows: { id: string }[] } = await this.#db.raw(
      `UPDATE probes SET next_at = ?::timestamptz + every_seconds * (0.9 + 0.2 * random()) * interval '1 second'
       WHERE id IN (SELECT id FROM probes WHERE next_at <= ? ORDER BY next_at LIMIT ? FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [now, now, limit],
    )
    const ids = claimed.rows.map(({ id }) => id)
    const rows: ProbeRow[] = ids.length === 0 ? [] : await this.#select().whereIn('probes.id', ids)
    return rows.map(fromRow)
  }

  /** Forgets results from before, and probes that look no more and have none left. @returns how many rows went */
  async prune(before: Date, limit: number): Promise<number> {
    const old = this.#db('probe_results').select('id').where('at', '<', before).orderBy('at').limit(limit)
    const results: number = await this.#db('probe_results').whereIn('id', old).delete()
    const done = this.#db('probes')
      .select('id')
      .whereNull('every_seconds')
      .andWhere('created_at', '<', before)
      .whereRaw('NOT EXISTS (SELECT FROM probe_results r WHERE r.probe_id = probes.id)')
    const probes: number = await this.#db('probes').whereIn('id', done.limit(limit)).delete()
    return results + probes
  }

  #select(): Knex.QueryBuilder {
    return this.#db('probes')
      .joinRaw(
        'LEFT JOIN LATERAL (SELECT * FROM probe_results WHERE probe_id = probes.id ORDER BY at DESC, id DESC LIMIT 1) r ON true',
      )
      .select('probes.*', 'r.at as result_at', 'r.verdict', 'r.addresses')
      .select({ groups: groupNamesSql(this.#db, membership), environment: environmentSql(this.#db, membership) })
  }
}

function fromRow(row: ProbeRow): Probe {
  const { result_at: at, verdict, addresses } = row
  return {
    id: row.id,
    target: row.target,
    expectCertificate: row.expect_certificate,
    everySeconds: row.every_seconds,
    groups: row.groups,
    environment: row.environment,
    createdAt: row.created_at,
    createdBy: row.created_by,
    latest: at === null || verdict === null ? null : { at, verdict, addresses: addresses ?? [] },
  }
}
