import type { Scope } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'

export const tokenStatuses = ['active', 'expired', 'revoked'] as const
export type TokenStatus = (typeof tokenStatuses)[number]

/** A bearer with which one agent connects. Its value is shown once and kept only as a hash. */
export interface Token {
  readonly id: string
  readonly agentId: string
  /** The agent's name. */
  readonly agent: string
  readonly name: string
  /** How the value begins, to tell tokens apart. */
  readonly prefix: string
  /** Null: all that the agent has. */
  readonly scopes: readonly Scope[] | null
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  /** Networks it may be used from, in canonical form; empty: from everywhere. */
  readonly cidrs: readonly string[]
  readonly expiresAt: Date
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
  readonly lastUsedIp: string | null
  readonly createdAt: Date
  readonly createdBy: string
}

/**
 * Derived, never stored: what the clock and the row say now.
 * @param now milliseconds since the Unix epoch
 */
export function tokenStatus(
  { revokedAt, expiresAt }: Pick<Token, 'revokedAt' | 'expiresAt'>,
  now: number,
): TokenStatus {
  if (revokedAt !== null) return 'revoked'
  return expiresAt.getTime() <= now ? 'expired' : 'active'
}

/** The token as the resource of an event about itself. */
export function tokenResource(token: Token): NonNullable<AuditEvent['resource']> {
  return { type: 'token', id: token.id, name: token.name, groups: token.groups, environment: '', version: null }
}

/** The token as people and events see it: never its value. */
export function tokenView(token: Token, now: number) {
  return {
    id: token.id,
    agentId: token.agentId,
    agent: token.agent,
    name: token.name,
    prefix: token.prefix,
    status: tokenStatus(token, now),
    scopes: token.scopes && [...token.scopes],
    groups: [...token.groups],
    cidrs: [...token.cidrs],
    expiresAt: token.expiresAt.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
    lastUsedIp: token.lastUsedIp,
    createdAt: token.createdAt.toISOString(),
    createdBy: token.createdBy,
  }
}
