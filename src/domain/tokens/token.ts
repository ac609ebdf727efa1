import type { Scope } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'

export const tokenStatuses = ['active', 'expired', 'spent', 'rotated', 'revoked'] as const
export type TokenStatus = (typeof tokenStatuses)[number]

/** How often the bearer replaces its own value, and how long the old one lives beside the new one. */
export interface AutoRotate {
  readonly everySeconds: number
  readonly overlapSeconds: number
}

/** The one call that a token for single use is bound to. */
export interface Spending {
  readonly at: Date
  readonly callDigest: string
  /** Digest of the idempotency key that came with the call; null when none did. */
  readonly keyDigest: string | null
}

/**
 * A bearer with which one agent connects. Its value is shown once and kept only as a hash. A token that rotates is a chain
 * of these, one per value, with the same rights and the same end.
 */
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
  /** Minted by somebody to whom the owner's private secrets are none of their business now: who is neither owner nor admin. */
  readonly isByOther: boolean
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  /** Networks it may be used from, in canonical form; empty: from everywhere. */
  readonly cidrs: readonly string[]
  /** The end of the token and of all its successors. */
  readonly expiresAt: Date
  /** The first token of the chain; its own id when it has no predecessor. */
  readonly chainId: string
  /** Whose successor it is. */
  readonly predecessorId: string | null
  readonly autoRotate: AutoRotate | null
  /** Since when it has a successor, or was replaced by another one. */
  readonly rotatedAt: Date | null
  /** When a successor was first used: from then on it cannot be replaced. Not kept for the first of a chain. */
  readonly usedAt: Date | null
  /** When this value ends by itself, at `expiresAt` at the latest. */
  readonly usableUntil: Date
  /** The first call of a tool that spends binds it; other tools stay free. */
  readonly singleUse: boolean
  readonly spending: Spending | null
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
  readonly lastUsedIp: string | null
  readonly createdAt: Date
  readonly createdBy: string
}

/**
 * Derived, never stored: what the row and the clock say now. What happened to a token counts before what the clock did.
 * @param now milliseconds since the Unix epoch
 */
export function tokenStatus(
  { revokedAt, rotatedAt, spending, usableUntil }: Pick<Token, 'revokedAt' | 'rotatedAt' | 'spending' | 'usableUntil'>,
  now: number,
): TokenStatus {
  if (revokedAt !== null) return 'revoked'
  if (rotatedAt !== null) return 'rotated'
  if (spending !== null) return 'spent'
  return usableUntil.getTime() <= now ? 'expired' : 'active'
}

/** From when the token may be rotated; undefined when it does not rotate. */
export function rotateAfter({ autoRotate, createdAt }: Pick<Token, 'autoRotate' | 'createdAt'>): Date | undefined {
  return autoRotate === null ? undefined : new Date(createdAt.getTime() + autoRotate.everySeconds * 1000)
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
    usableUntil: token.usableUntil.toISOString(),
    singleUse: token.singleUse,
    spentAt: token.spending?.at.toISOString() ?? null,
    autoRotate: token.autoRotate && { ...token.autoRotate },
    rotateAfter: token.rotatedAt === null ? (rotateAfter(token)?.toISOString() ?? null) : null,
    rotatedAt: token.rotatedAt?.toISOString() ?? null,
    chainId: token.chainId,
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
    lastUsedIp: token.lastUsedIp,
    createdAt: token.createdAt.toISOString(),
    createdBy: token.createdBy,
  }
}
