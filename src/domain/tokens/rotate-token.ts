import { mintBearer } from '../../kernel/bearer.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction, Work } from '../work.ts'
import { revokeChain } from './revoke-chain.ts'
import { rotateAfter, type Token, tokenView } from './token.ts'
import { bearerState, rotation, successorOf } from './token-chain.ts'
import { tokenChangedEntry } from './token-events.ts'

export interface RotateTokenDeps {
  readonly inTransaction: InTransaction
  /** The database's. */
  readonly clock: Clock
}

export type RotateAnswer =
  | { readonly kind: 'rotated'; readonly value: Secret<string>; readonly expiresAt: Date; readonly rotateAfter: Date }
  | { readonly kind: 'early'; readonly rotateAfter: Date }
  /** The chain is revoked. */
  | { readonly kind: 'reused' }

/**
 * Gives the bearer of a token its next value. The old one lives on for the overlap; within it, and as long as nobody used
 * the next value, the same can be asked again: the answer that was lost is void then. Whoever asks although the next value
 * is in use, or comes after the overlap, is not alone in holding the chain, which is revoked.
 * @param tokenId of the value that was presented and authenticated
 * @returns STATE_CONFLICT when the token does not rotate, UNAUTHENTICATED when it was revoked or expired meanwhile
 */
export async function rotateToken(
  { inTransaction, clock }: RotateTokenDeps,
  by: Author,
  tokenId: string,
): Promise<Result<RotateAnswer, Fault>> {
  return inTransaction<RotateAnswer>(async (work) => {
    const locked = await lockChain(work, tokenId)
    if (locked === undefined) return err(fault('UNAUTHENTICATED', { detail: 'the token is gone' }))
    const { agent, presented, current } = locked
    const now = clock.now()
    const next = rotation(presented, current, now)
    if (next.kind === 'over') return err(fault('UNAUTHENTICATED', { detail: 'the token ended meanwhile' }))
    if (next.kind === 'fixed') return err(fault('STATE_CONFLICT', { message: 'This token does not rotate' }))
    if (next.kind === 'early') return ok(next)
    if (next.kind === 'reused') {
      await revokeChain(work, by, 'MCP_TOKEN_REUSED', { agent, before: presented, now })
      return ok(next)
    }
    const { value, hash, prefix } = mintBearer('clk_mcp')
    const successor = successorOf(presented, {
      id: newId('tok'),
      prefix,
      createdAt: new Date(now),
      createdBy: by.actor.id,
    })
    const due = rotateAfter(successor)
    if (due === undefined) throw new Error(`token ${presented.id} rotated although it does not rotate`)
    await work.tokens.retire(next.retired)
    await work.tokens.insert(successor, hash)
    const before = next.retired.id === presented.id ? presented : current
    const details = { presented: presented.id, successor: tokenView(successor, now) }
    work.record(tokenChangedEntry(by, 'MCP_TOKEN_ROTATED', { agent, before, after: next.retired, now, details }))
    work.advanceAuthority()
    return ok({ kind: 'rotated', value, expiresAt: successor.expiresAt, rotateAfter: due })
  })
}

/**
 * Revokes the chain of a value that was presented although it is dead. Safe to ask about any token.
 * @returns whether it was dead; then the chain is revoked, or was before
 */
export async function revokeReused(
  { inTransaction, clock }: RotateTokenDeps,
  by: Author,
  tokenId: string,
): Promise<Result<boolean, Fault>> {
  return inTransaction(async (work) => {
    const locked = await lockChain(work, tokenId)
    const now = clock.now()
    if (locked === undefined || bearerState(locked.presented, now) !== 'dead') return ok(false)
    await revokeChain(work, by, 'MCP_TOKEN_REUSED', { agent: locked.agent, before: locked.presented, now })
    return ok(true)
  })
}

/** Whoever changes a chain locks its agent first, so one does at a time; the current token's first use waits as well. */
async function lockChain(work: Work, tokenId: string) {
  const found = await work.tokens.find(tokenId)
  const agent = found && (await work.agents.findForUpdate(found.agentId))
  const presented = await work.tokens.findForUpdate(tokenId)
  const current: Token | undefined = found && (await work.tokens.currentForUpdate(found.chainId))
  return agent === undefined || presented === undefined || current === undefined
    ? undefined
    : { agent, presented, current }
}
