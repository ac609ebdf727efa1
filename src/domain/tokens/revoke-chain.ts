import type { Agent } from '../agents/agent.ts'
import { approvalCancelledEntry } from '../approvals/approval-events.ts'
import type { Author } from '../audit/author.ts'
import type { Work } from '../work.ts'
import type { Token } from './token.ts'
import { tokenChangedEntry } from './token-events.ts'

/** A token whose chain has to end. The agent's row is locked: every change of a chain begins there. */
export interface ChainEnd {
  readonly agent: Agent
  readonly before: Token
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Revokes a token with all that came before and after it, ends their sessions and cancels their live approvals.
 * @returns the token as it is then
 */
export async function revokeChain(
  work: Work,
  by: Author,
  type: 'MCP_TOKEN_REVOKED' | 'MCP_TOKEN_REUSED',
  { agent, before, now }: ChainEnd,
): Promise<Token> {
  const after: Token = { ...before, revokedAt: new Date(now) }
  await work.tokens.revokeChain(before.chainId, new Date(now))
  work.record(tokenChangedEntry(by, type, { agent, before, after, now }))
  await work.endSessions(by, { tokenId: before.chainId }, 'revoked')
  for (const approval of await work.approvals.cancelLive({ tokenChainId: before.chainId })) {
    work.record(approvalCancelledEntry(by, approval, agent))
  }
  work.advanceAuthority()
  return after
}
