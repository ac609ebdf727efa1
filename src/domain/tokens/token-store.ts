import type { Knex } from 'knex'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Role, Scope } from '../../kernel/vocabulary.ts'
import { type AgentRow, agentFromRow, selectAgent } from '../agents/agent-row.ts'
import { groupNamesSql, type Membership, replaceGroups, whereInAnyGroup } from '../groups/membership.ts'
import { type Page, type Paged, paginate } from '../page.ts'
import { reachOf } from '../people/person.ts'
import { personMembership } from '../people/person-row.ts'
import type { Token } from './token.ts'
import { type TokenStanding, tokenStanding } from './token-standing.ts'

const membership: Membership = { table: 'token_groups', column: 'token_id', id: 'tokens.id' }

interface TokenRow {
  readonly id: string
  readonly agent_id: string
  readonly agent: string
  readonly name: string
  readonly prefix: string
  readonly scopes: Scope[] | null
  readonly groups: string[]
  readonly cidrs: string[]
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly last_used_ip: string | null
  readonly created_at: Date
  readonly created_by: string
}

interface StandingRow
  extends AgentRow,
    Pick<TokenRow, 'id' | 'prefix' | 'scopes' | 'groups' | 'cidrs' | 'expires_at' | 'revoked_at'> {
  readonly owner_role: Role
  readonly owner_groups: string[]
  readonly owner_disabled: boolean
}

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
    return row && fromRow(row)
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
    return paginate(query, { createdAt: 'tokens.created_at', id: 'tokens.id' }, page, fromRow)
  }

  /**
   * Everything that authentication needs, in one query.
   * @param hash `bearerHash` of the value
   */
  async findStanding(hash: Buffer): Promise<TokenStanding | undefined> {
    return this.#standing({ 'tokens.hash': hash })
  }

  /** As `findStanding`, for a token that is known already, as long as that session of it is active. */
  async standingOf(tokenId: string, sessionId: string): Promise<TokenStanding | undefined> {
    return this.#standing({ 'tokens.id': tokenId }, (query) => {
      const session = this.#db('sessions').where({ id: sessionId, token_id: tokenId, status: 'active' })
      void query.whereExists(session)
    })
  }

  async insert(token: Token, hash: Buffer): Promise<void> {
    await this.#db('tokens').insert({
      id: token.id,
      agent_id: token.agentId,
      name: token.name,
      prefix: token.prefix,
      hash,
      scopes: token.scopes,
      cidrs: token.cidrs,
      expires_at: token.expiresAt,
      created_at: token.createdAt,
      created_by: token.createdBy,
    })
    await replaceGroups(this.#db, membership, token.id, token.groups)
  }

  async revoke(id: string, at: Date): Promise<void> {
    await this.#db('tokens').where('id', id).update({ revoked_at: at })
  }

  /** @returns those of the agent's tokens that were not revoked before, as they are now */
  async revokeAllOf(agentId: string, at: Date): Promise<readonly Token[]> {
    const rows: { id: string }[] = await this.#db('tokens')
      .where({ agent_id: agentId, revoked_at: null })
      .update({ revoked_at: at })
      .returning('id')
    return this.#findAll(rows.map(({ id }) => id))
  }

  /** Marks tokens whose expiry is not on record yet, at most `limit`; those that another replica is marking are skipped. */
  async markExpired(now: Date, limit: number): Promise<readonly Token[]> {
    const due = this.#db('tokens')
      .select('id')
      .where('expires_at', '<=', now)
      .whereNull('expired_event_at')
      .whereNull('revoked_at')
      .orderBy('expires_at')
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
    return rows.map(fromRow)
  }

  async #standing(
    where: object,
    narrow: (query: Knex.QueryBuilder) => void = () => undefined,
  ): Promise<TokenStanding | undefined> {
    const query = this.#db('tokens')
      .join('agents', 'agents.id', 'tokens.agent_id')
      .join('people', 'people.id', 'agents.owner_id')
      .select('tokens.id', 'tokens.prefix', 'tokens.scopes', 'tokens.cidrs', 'tokens.expires_at', 'tokens.revoked_at')
      .select({
        groups: groupNamesSql(this.#db, membership),
        owner_role: 'people.role',
        owner_groups: groupNamesSql(this.#db, personMembership),
        owner_disabled: this.#db.raw('people.disabled_at IS NOT NULL'),
      })
      .where(where)
    narrow(query)
    const row: StandingRow | undefined = await selectAgent(this.#db, query).first()
    return row && standingFromRow(row)
  }

  #select(): Knex.QueryBuilder {
    return this.#db('tokens')
      .join('agents', 'agents.id', 'tokens.agent_id')
      .select('tokens.*', 'agents.name as agent')
      .select({ groups: groupNamesSql(this.#db, membership) })
  }
}

function standingFromRow(row: StandingRow): TokenStanding {
  return tokenStanding({
    token: {
      id: row.id,
      agentId: row.agent_id,
      prefix: row.prefix,
      scopes: row.scopes,
      groups: row.groups,
      cidrs: row.cidrs,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
    },
    agent: agentFromRow(row),
    owner: { disabled: row.owner_disabled, reach: reachOf({ role: row.owner_role, groups: row.owner_groups }) },
  })
}

function fromRow(row: TokenRow): Token {
  return {
    id: row.id,
    agentId: row.agent_id,
    agent: row.agent,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    groups: row.groups,
    cidrs: row.cidrs,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    lastUsedIp: row.last_used_ip,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}
