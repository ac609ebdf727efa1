import { type AutoRotate, rotateAfter, type Token } from './token.ts'

/** What decides whether a value still opens anything. */
export type BearerFacts = Pick<Token, 'revokedAt' | 'rotatedAt' | 'usableUntil' | 'expiresAt'>

/**
 * What presenting a token's value means at a moment. `dead`: it was replaced and its overlap is over, so that nobody who
 * follows the chain has a reason to present it: its holder or its successor's is a thief.
 */
export type BearerState = 'standing' | 'expired' | 'revoked' | 'dead'

/** @param now milliseconds since the Unix epoch, on the database's clock, as everywhere here */
export function bearerState({ revokedAt, rotatedAt, usableUntil, expiresAt }: BearerFacts, now: number): BearerState {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt.getTime() <= now) return 'expired'
  if (usableUntil.getTime() > now) return 'standing'
  return rotatedAt === null ? 'expired' : 'dead'
}

/** A successor that nobody has used: its first use has to be on record before it opens anything. */
export function isUnused({ predecessorId, usedAt }: Pick<Token, 'predecessorId' | 'usedAt'>): boolean {
  return predecessorId !== null && usedAt === null
}

/** When a value made at `createdAt` ends unless it is rotated. */
export function usableUntilOf(createdAt: Date, expiresAt: Date, autoRotate: AutoRotate | null): Date {
  if (autoRotate === null) return expiresAt
  return earlier(expiresAt, secondsAfter(createdAt, autoRotate.everySeconds + autoRotate.overlapSeconds))
}

export type Rotation =
  /** `retired` gives way to a successor of the presented token. */
  | { readonly kind: 'rotate'; readonly retired: Token }
  | { readonly kind: 'early'; readonly rotateAfter: Date }
  | { readonly kind: 'fixed' }
  /** Somebody else has gone on with the chain: it has to be revoked. */
  | { readonly kind: 'reused' }
  | { readonly kind: 'over' }

/**
 * What a request to rotate comes to. The current token is rotated once it is due. In the overlap its predecessor may ask
 * again, since the answer may have been lost, as long as nobody used what was given out.
 * @param current the token of the same chain that has no successor
 */
export function rotation(presented: Token, current: Token, now: number): Rotation {
  const state = bearerState(presented, now)
  if (state === 'dead') return { kind: 'reused' }
  if (state !== 'standing') return { kind: 'over' }
  const due = rotateAfter(presented)
  if (due === undefined || presented.autoRotate === null) return { kind: 'fixed' }
  const rotatedAt = new Date(now)
  if (presented.rotatedAt === null) {
    if (now < due.getTime()) return { kind: 'early', rotateAfter: due }
    const usableUntil = earlier(presented.expiresAt, secondsAfter(rotatedAt, presented.autoRotate.overlapSeconds))
    return { kind: 'rotate', retired: { ...presented, rotatedAt, usableUntil } }
  }
  if (current.predecessorId !== presented.id || !isUnused(current)) return { kind: 'reused' }
  return { kind: 'rotate', retired: { ...current, rotatedAt, usableUntil: earlier(current.usableUntil, rotatedAt) } }
}

/** What is new about a successor. */
export type FreshValue = Pick<Token, 'id' | 'prefix' | 'createdAt' | 'createdBy'>

/** The next of a chain: the same rights, the same end, a value of its own. */
export function successorOf(presented: Token, fresh: FreshValue): Token {
  return {
    ...presented,
    ...fresh,
    predecessorId: presented.id,
    rotatedAt: null,
    usedAt: null,
    usableUntil: usableUntilOf(fresh.createdAt, presented.expiresAt, presented.autoRotate),
    lastUsedAt: null,
    lastUsedIp: null,
  }
}

function secondsAfter(from: Date, seconds: number): Date {
  return new Date(from.getTime() + seconds * 1000)
}

function earlier(a: Date, b: Date): Date {
  return a.getTime() <= b.getTime() ? a : b
}
