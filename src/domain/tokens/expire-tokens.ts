import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { systemAuthor } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { tokenChangedEntry } from './token-events.ts'

/** How many tokens one transaction puts on record, which bounds how long it holds the audit log. */
export const expiredTokensMax = 100

/**
 * Puts on record that tokens expired, or were not rotated in time, and ends their sessions. Refusing expired tokens does not
 * wait for this: authentication looks at the clock. Safe to run on every replica at once.
 * @returns how many it recorded; when that is `expiredTokensMax`, there may be more
 */
export async function expireTokens(deps: {
  readonly inTransaction: InTransaction
  readonly clock: Clock
}): Promise<Result<number, Fault>> {
  const by = systemAuthor('expire-tokens')
  const now = deps.clock.now()
  return deps.inTransaction(async (work) => {
    const expired = await work.tokens.markExpired(new Date(now), expiredTokensMax)
    for (const token of expired) {
      const agent = await work.agents.find(token.agentId)
      if (agent === undefined) throw new Error(`token ${token.id} has no agent`)
      work.record(tokenChangedEntry(by, 'MCP_TOKEN_EXPIRED', { agent, before: token, after: token, now }))
      await work.endSessions(by, { tokenId: token.chainId }, 'token_expired')
    }
    return ok(expired.length)
  })
}
