import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { environmentSql, groupNamesSql, type Membership, replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type NamePage, type Page, type Paged, paginate, paginateByName } from '../page.ts'
import type { Certificate, CertificateDraft, CertificateVersion } from './certificate.ts'
import { type CertificateRow, fromRow, fromVersionRow, type VersionRow, versionRow } from './certificate-row.ts'

const membership: Membership = { table: 'certificate_groups', column: 'certificate_id', id: 'certificates.id' }

/** How often an authority is asked about a renewal where it does not say itself (RFC 9773, section 4.3). */
export const renewalCheckMs = 6 * 3_600_000

export interface CertificateFilter {
  /** Names or ids of groups; any of them. */
  readonly groups?: readonly string[]
  /** Those that end before then, ended ones among them. */
  readonly notAfterBefore?: Date
}

/** The only SQL about certificates themselves. Bound to a connection pool or to one transaction. */
export class CertificateStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Finds by id or by the unique name. A certificate that is named like the id of another does not hide that one. */
  async find(idOrName: string): Promise<Certificate | undefined> {
    const row: CertificateRow | undefined = await this.#select()
      .where((either) => void either.where('certificates.id', idOrName).orWhere('certificates.name', idOrName))
      .orderByRaw('certificates.id = ? DESC', [idOrName])
      .first()
    return row && fromRow(row)
  }

  async findByName(name: string): Promise<Certificate | undefined> {
    const row: CertificateRow | undefined = await this.#select().where('certificates.name', name).first()
    return row && fromRow(row)
  }

  /** The eldest certificate of exactly these domains in this one group. */
  async findByDomains(domains: readonly string[], group: string): Promise<Certificate | undefined> {
    const row: CertificateRow | undefined = await this.#select()
      .whereRaw('certificates.domains = ?::text[]', [[...domains].sort()])
      .whereRaw('? = ARRAY[?]::text[]', [groupNamesSql(this.#db, membership), group])
      .orderBy('certificates.created_at')
      .first()
    return row && fromRow(row)
  }

  /** As `find` by id, and keeps the row locked until the transaction ends. */
  async findForUpdate(id: string): Promise<Certificate | undefined> {
    await this.#db('certificates').select('id').where({ id }).forUpdate()
    return this.find(id)
  }

  async list(filter: CertificateFilter, page: Page): Promise<Result<Paged<Certificate>, Fault>> {
    const query = this.#select()
    narrow(query, filter)
    return paginate(query, { createdAt: 'certificates.created_at', id: 'certificates.id' }, page, fromRow)
  }

  /**
   * Certificates that share a group with an agent, by name. It only narrows what policy then decides on, which is sound
   * while no rule may allow across groups.
   * @param filter.query a part of the name, in any case
   */
  async listReachable(
    { query, ...filter }: CertificateFilter & { readonly groups: readonly string[]; readonly query: string },
    page: NamePage,
  ): Promise<Result<Paged<Certificate>, Fault>> {
    const certificates = this.#select()
    narrow(certificates, filter)
    if (query !== '') void certificates.whereRaw('strpos(certificates.name, lower(?)) > 0', [query])
    return paginateByName(certificates, 'certificates.name', page, fromRow)
  }

  /** Those that are to be renewed by then and have no order under way, the most urgent first. */
  async listDue(now: Date, limit: number): Promise<readonly Certificate[]> {
    const rows: CertificateRow[] = await this.#select()
      .where('certificates.renew_at', '<=', now)
      .whereRaw(
        `NOT EXISTS (SELECT FROM certificate_orders o WHERE o.certificate_id = certificates.id AND o.finished_at IS NULL)`,
      )
      .orderBy('certificates.renew_at')
      .limit(limit)
    return rows.map(fromRow)
  }

  /** @returns the registered certificate, or undefined when the name is taken */
  async insert(draft: CertificateDraft): Promise<Certificate | undefined> {
    const inserted: unknown[] = await this.#db('certificates')
      .insert({
        id: draft.id,
        name: draft.name,
        domains: [...draft.domains].sort(),
        issuer: draft.issuer,
        created_at: draft.createdAt,
        created_by: draft.createdBy,
      })
      .onConflict('name')
      .ignore()
      .returning('id')
    if (inserted.length === 0) return undefined
    await replaceGroups(this.#db, membership, draft.id, draft.groups)
    return this.#reread(draft.id)
  }

  /** Saves what of a certificate may change. */
  async save({ id, groups, domains, issuer, renewAt }: Certificate): Promise<Certificate> {
    await this.#db('certificates')
      .where({ id })
      .update({
        domains: [...domains].sort(),
        issuer,
        renew_at: renewAt,
        check_renewal_at: this.#db.raw(
          'CASE WHEN ?::timestamptz IS NOT NULL THEN COALESCE(check_renewal_at, now()) END',
          [renewAt],
        ),
      })
    await replaceGroups(this.#db, membership, id, groups)
    return this.#reread(id)
  }

  /** Adds a version and makes it the current one. */
  async insertVersion(id: string, version: CertificateVersion, renewAt: Date | null): Promise<Certificate> {
    await this.#db('certificate_versions').insert(versionRow(id, version))
    await this.#db('certificates')
      .where({ id })
      .update({
        current_version: version.version,
        not_after: version.notAfter,
        renew_at: renewAt,
        check_renewal_at: renewAt === null ? null : new Date(version.createdAt.getTime() + renewalCheckMs),
        ...(version.issuer === null ? {} : { issuer: version.issuer }),
      })
    return this.#reread(id)
  }

  async setRenewAt(id: string, renewAt: Date): Promise<void> {
    await this.#db('certificates').where({ id }).update({ renew_at: renewAt })
  }

  /** Takes those whose authority is to be asked again, and keeps them from other replicas until then. */
  async claimRenewalChecks(now: Date, until: Date, limit: number): Promise<readonly Certificate[]> {
    const claimed: { rows: { id: string }[] } = await this.#db.raw(
      `UPDATE certificates SET check_renewal_at = ? WHERE id IN (
        SELECT id FROM certificates WHERE check_renewal_at <= ? ORDER BY check_renewal_at LIMIT ? FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [until, now, limit],
    )
    const ids = claimed.rows.map(({ id }) => id)
    const rows: CertificateRow[] = ids.length === 0 ? [] : await this.#select().whereIn('certificates.id', ids)
    return rows.map(fromRow)
  }

  /** Says when to ask its authority again. */
  async setRenewalCheckAt(id: string, at: Date): Promise<void> {
    await this.#db('certificates').where({ id }).whereNotNull('renew_at').update({ check_renewal_at: at })
  }

  async findVersion(id: string, version: number): Promise<CertificateVersion | undefined> {
    const row: VersionRow | undefined = await this.#db('certificate_versions')
      .where({ certificate_id: id, version })
      .first()
    return row && fromVersionRow(row)
  }

  /** Newest first. */
  async listVersions(id: string, limit: number): Promise<readonly CertificateVersion[]> {
    const rows: VersionRow[] = await this.#db('certificate_versions')
      .where('certificate_id', id)
      .orderBy('version', 'desc')
      .limit(limit)
    return rows.map(fromVersionRow)
  }

  async #reread(id: string): Promise<Certificate> {
    const certificate = await this.find(id)
    if (certificate === undefined) throw new Error(`certificate ${id} vanished within its transaction`)
    return certificate
  }

  #select(): Knex.QueryBuilder {
    return this.#db('certificates')
      .leftJoin('certificate_versions AS v', (join) => {
        join.on('v.certificate_id', 'certificates.id').andOn('v.version', 'certificates.current_version')
      })
      .select(
        'v.subject',
        'v.sans',
        'v.issuer_name',
        'v.serial',
        'v.fingerprint',
        'v.key_type',
        'v.not_before',
        'certificates.*',
      )
      .select({
        groups: groupNamesSql(this.#db, membership),
        environment: environmentSql(this.#db, membership),
        permitted_domains: this.#db.raw(
          `ARRAY(SELECT DISTINCT d FROM certificate_groups m JOIN groups ON groups.id = m.group_id, unnest(groups.domains) d
            WHERE m.certificate_id = certificates.id ORDER BY d)`,
        ),
      })
  }
}

function narrow(query: Knex.QueryBuilder, { groups, notAfterBefore }: CertificateFilter): void {
  if (groups !== undefined) whereInAnyGroup(query, membership, groups)
  if (notAfterBefore !== undefined) void query.where('certificates.not_after', '<', notAfterBefore)
}
