import type { Knex } from 'knex'
import type { Role, Scope } from '../../kernel/vocabulary.ts'
import { type AgentRow, agentFromRow } from '../agents/agent-row.ts'
import { reachOf } from '../people/person.ts'
import type { AutoRotate, Spending, Token } from './token.ts'
import { type StandingToken, type TokenStanding, tokenStanding } from './token-standing.ts'

/** What authentication reads of a token. */
const standingColumns = [
  'id',
  'prefix',
  'scopes',
  'cidrs',
  'expires_at',
  'revoked_at',
  'chain_id',
  'predecessor_id',
  'single_use',
  'spent_at',
  'spent_call_digest',
  'spent_key_digest',
  'rotated_at',
  'used_at',
  'usable_until',
] as const

interface StandingTokenRow {
  readonly is_by_other: boolean
  readonly id: string
  readonly agent_id: string
  readonly prefix: string
  readonly scopes: Scope[] | null
  readonly groups: string[]
  readonly cidrs: string[]
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly chain_id: string
  readonly predecessor_id: string | null
  readonly single_use: boolean
  readonly spent_at: Date | null
  readonly spent_call_digest: string | null
  readonly spent_key_digest: string | null
  readonly rotated_at: Date | null
  readonly used_at: Date | null
  readonly usable_until: Date
}

export interface TokenRow extends StandingTokenRow {
  readonly agent: string
  readonly name: string
  readonly rotate_every_seconds: number | null
  readonly rotate_overlap_seconds: number | null
  readonly last_used_at: Date | null
  readonly last_used_ip: string | null
  readonly created_at: Date
  readonly created_by: string
}

export interface StandingRow extends AgentRow, StandingTokenRow {
  readonly owner_role: Role
  readonly owner_groups: string[]
  readonly owner_disabled: boolean
  readonly killed: boolean
}

/** Completes a query that reads `tokens` and, through `selectAgent`, the agent. */
export function selectStandingToken(query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query.select(standingColumns.map((column) => `tokens.${column}`))
}

/** SQL for `isByOther`, within a query that reads `tokens` and `agents`. Successors are minted by whoever minted the first. */
export function isByOtherSql(db: Knex): Knex.Raw {
  return db.raw(`EXISTS (SELECT FROM tokens first JOIN people minter ON minter.id = first.created_by
    WHERE first.id = tokens.chain_id AND minter.id <> agents.owner_id
      AND (minter.role <> 'admin' OR minter.disabled_at IS NOT NULL))`)
}

export function standingFromRow(row: StandingRow): TokenStanding {
  return tokenStanding({
    token: standingTokenFromRow(row),
    agent: agentFromRow(row),
    killed: row.killed,
    owner: { disabled: row.owner_disabled, reach: reachOf({ role: row.owner_role, groups: row.owner_groups }) },
  })
}

export function tokenFromRow(row: TokenRow): Token {
  return {
    ...standingTokenFromRow(row),
    agent: row.agent,
    name: row.name,
    autoRotate: autoRotateFromRow(row),
    lastUsedAt: row.last_used_at,
    lastUsedIp: row.last_used_ip,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}

/** A new token as a row, but for its groups. */
export function rowOfToken(token: Token, hash: Buffer): Readonly<Record<string, unknown>> {
  return {
    id: token.id,
    agent_id: token.agentId,
    name: token.name,
    prefix: token.prefix,
    hash,
    scopes: token.scopes,
    cidrs: token.cidrs,
    expires_at: token.expiresAt,
    chain_id: token.chainId,
    predecessor_id: token.predecessorId,
    single_use: token.singleUse,
    rotate_every_seconds: token.autoRotate?.everySeconds ?? null,
    rotate_overlap_seconds: token.autoRotate?.overlapSeconds ?? null,
    usable_until: token.usableUntil,
    created_at: token.createdAt,
    created_by: token.createdBy,
  }
}

function standingTokenFromRow(row: StandingTokenRow): StandingToken {
  return {
    id: row.id,
    agentId: row.agent_id,
    prefix: row.prefix,
    scopes: row.scopes,
    isByOther: row.is_by_other,
    groups: row.groups,
    cidrs: row.cidrs,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    chainId: row.chain_id,
    predecessorId: row.predecessor_id,
    singleUse: row.single_use,
    spending: spendingFromRow(row),
    rotatedAt: row.rotated_at,
    usedAt: row.used_at,
    usableUntil: row.usable_until,
  }
}

function spendingFromRow(row: StandingTokenRow): Spending | null {
  if (row.spent_at === null || row.spent_call_digest === null) return null
  return { at: row.spent_at, callDigest: row.spent_call_digest, keyDigest: row.spent_key_digest }
}

function autoRotateFromRow(row: TokenRow): AutoRotate | null {
  if (row.rotate_every_seconds === null || row.rotate_overlap_seconds === null) return null
  return { everySeconds: row.rotate_every_seconds, overlapSeconds: row.rotate_overlap_seconds }
}
