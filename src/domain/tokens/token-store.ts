import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { selectAgent } from '../agents/agent-row.ts'
import { groupNamesSql, type Membership, replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { isKilledSql } from '../kills/matching-agents.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import { personMembership } from '../people/person-row.ts'
import type { Spending, Token } from './token.ts'
import {
  isByOtherSql,
  rowOfToken,
  type StandingRow,
  selectStandingToken,
  standingFromRow,
  type TokenRow,
  tokenFromRow,
} from './token-row.ts'
import type { TokenStanding } from './token-standing.ts'

const membership: Membership = { table: 'token_groups', column: 'token_id', id: 'tokens.id' }

export interface TokenFilter {
  /** Id or name of the agent. */
  readonly agent?: string
  /** Names or ids; tokens in any of them. */
  readonly groups?: readonly string[]
}

/** One use of a token, as `touch` writes it down. */
export interface TokenUse {
  readonly tokenId: string
  readonly at: Date
  readonly ip: string
}

/** The only SQL about tokens. Bound to a connection pool or to one transaction. */
export class TokenStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<Token | undefined> {
    const row: TokenRow | undefined = await this.#select().where('tokens.id', id).first()
    return row && tokenFromRow(row)
  }

  /** As `find`, and keeps the row locked until the transaction ends. */
  async findForUpdate(id: string): Promise<Token | undefined> {
    await this.#db('tokens').select('id').where('id', id).forUpdate()
    return this.find(id)
  }

  async list({ agent, groups }: TokenFilter, page: Page): Promise<Result<Paged<Token>, Fault>> {
    const query = this.#select()
    if (agent !== undefined)
      void query.where((either) => void either.where('agents.id', agent).orWhere('agents.name', agent))
    if (groups !== undefined) whereInAnyGroup(query, membership, groups)
    return paginate(query, { createdAt: 'tokens.created_at', id: 'tokens.id' }, page, tokenFromRow)
  }

  /**
   * Everything that authentication needs, in one query.
   * @param hash `bearerHash` of the value
   */
  async findStanding(hash: Buffer): Promise<TokenStanding | undefined> {
    return this.#standing({ 'tokens.hash': hash })
  }

  /** As `findStanding`, for a token that is known already, as long as that session of its chain is active. */
  async standingOf(tokenId: string, sessionId: string): Promise<TokenStanding | undefined> {
    return this.#standing({ 'tokens.id': tokenId }, (query) => {
      const active = { 'sessions.id': sessionId, 'sessions.status': 'active' }
      const session = this.#db('sessions').where(active).whereRaw('sessions.token_id = tokens.chain_id')
      void query.whereExists(session)
    })
  }

  /** What the latest token of a chain stands for, whether or not a session of it is active. */
  async standingOfChain(chainId: string): Promise<TokenStanding | undefined> {
    return this.#standing({ 'tokens.chain_id': chainId, 'tokens.rotated_at': null })
  }

  async insert(token: Token, hash: Buffer): Promise<void> {
    await this.#db('tokens').insert(rowOfToken(token, hash))
    await replaceGroups(this.#db, membership, token.id, token.groups)
  }

  /** The token of a chain that has no successor, locked until the transaction ends. */
  async currentForUpdate(chainId: string): Promise<Token | undefined> {
    const current = { chain_id: chainId, rotated_at: null }
    const row: { id: string } | undefined = await this.#db('tokens').first('id').where(current).forUpdate()
    return row && this.find(row.id)
  }

  /** Writes down that a token was replaced. */
  async retire({ id, rotatedAt, usableUntil }: Token): Promise<void> {
    await this.#db('tokens').where({ id }).update({ rotated_at: rotatedAt, usable_until: usableUntil })
  }

  /** Notes the first use of a current token. @returns false when the token was replaced or revoked before */
  async markUsed(id: string, at: Date): Promise<boolean> {
    const current = { id, rotated_at: null, revoked_at: null }
    const marked = await this.#db('tokens')
      .where(current)
      .update({ used_at: this.#db.raw('COALESCE(used_at, ?)', [at]) })
    return marked > 0
  }

  /** Binds a token for single use to one call. @returns false when another call was faster, on whichever replica */
  async spend(id: string, { at, callDigest, keyDigest }: Spending): Promise<boolean> {
    const spent = await this.#db('tokens')
      .where({ id, single_use: true, spent_at: null })
      .update({ spent_at: at, spent_call_digest: callDigest, spent_key_digest: keyDigest })
    return spent > 0
  }

  /** Revokes every token of a chain. */
  async revokeChain(chainId: string, at: Date): Promise<void> {
    await this.#db('tokens').where({ chain_id: chainId, revoked_at: null }).update({ revoked_at: at })
  }

  /** Revokes whatever the agent has. @returns those tokens that had no successor and were not revoked before, as they are now */
  async revokeAllOf(agentId: string, at: Date): Promise<readonly Token[]> {
    const rows: { id: string; rotated_at: Date | null }[] = await this.#db('tokens')
      .where({ agent_id: agentId, revoked_at: null })
      .update({ revoked_at: at })
      .returning(['id', 'rotated_at'])
    return this.#findAll(rows.flatMap(({ id, rotated_at }) => (rotated_at === null ? [id] : [])))
  }

  /**
   * Marks tokens whose expiry is not on record yet, at most `limit`; those that another replica is marking are skipped, and
   * so are those that have a successor.
   */
  async markExpired(now: Date, limit: number): Promise<readonly Token[]> {
    const due = this.#db('tokens')
      .select('id')
      .where('usable_until', '<=', now)
      .whereNull('expired_event_at')
      .whereNull('revoked_at')
      .whereNull('rotated_at')
      .orderBy('usable_until')
      .limit(limit)
      .forUpdate()
      .skipLocked()
    const rows: { id: string }[] = await this.#db('tokens')
      .whereIn('id', due)
      .update({ expired_event_at: now })
      .returning('id')
    return this.#findAll(rows.map(({ id }) => id))
  }

  /**
   * Notes when and from where tokens were last used, in one statement; an older use never overwrites a newer one. A row that
   * another transaction holds is left out rather than waited for: it is being revoked, or another replica has just seen it.
   */
  async touch(uses: readonly TokenUse[]): Promise<void> {
    if (uses.length === 0) return
    await this.#db.raw(
      `WITH used AS (
        SELECT DISTINCT ON (id) id, at, ip FROM unnest(?::text[], ?::timestamptz[], ?::text[]) AS used (id, at, ip) ORDER BY id, at DESC
      ), free AS (
        SELECT tokens.id FROM tokens JOIN used USING (id) FOR NO KEY UPDATE OF tokens SKIP LOCKED
      )
      UPDATE tokens SET last_used_at = used.at, last_used_ip = used.ip FROM used JOIN free USING (id)
      WHERE tokens.id = used.id AND (tokens.last_used_at IS NULL OR tokens.last_used_at < used.at)`,
      [uses.map(({ tokenId }) => tokenId), uses.map(({ at }) => at), uses.map(({ ip }) => ip)],
    )
  }

  async #findAll(ids: readonly string[]): Promise<readonly Token[]> {
    const rows: TokenRow[] = await this.#select().whereIn('tokens.id', ids).orderBy('tokens.id')
    return rows.map(tokenFromRow)
  }

  async #standing(
    where: object,
    narrow: (query: Knex.QueryBuilder) => void = () => undefined,
  ): Promise<TokenStanding | undefined> {
    const query = this.#db('tokens')
      .join('agents', 'agents.id', 'tokens.agent_id')
      .join('people', 'people.id', 'agents.owner_id')
      .select({
        groups: groupNamesSql(this.#db, membership),
        is_by_other: isByOtherSql(this.#db),
        owner_role: 'people.role',
        owner_groups: groupNamesSql(this.#db, personMembership),
        killed: isKilledSql(this.#db),
        owner_disabled: this.#db.raw('people.disabled_at IS NOT NULL'),
      })
      .where(where)
    narrow(query)
    const row: StandingRow | undefined = await selectAgent(this.#db, selectStandingToken(query)).first()
    return row && standingFromRow(row)
  }

  #select(): Knex.QueryBuilder {
    return this.#db('tokens')
      .join('agents', 'agents.id', 'tokens.agent_id')
      .select('tokens.*', 'agents.name as agent')
      .select({ groups: groupNamesSql(this.#db, membership), is_by_other: isByOtherSql(this.#db) })
  }
}
