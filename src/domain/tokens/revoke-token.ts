import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import type { Token } from './token.ts'
import { revokeChain } from './revoke-chain.ts'

/**
 * Ends a token for good, with all its predecessors and successors: its sessions end, its pending approvals are cancelled.
 * The agent's other tokens go on.
 * Repeating it answers the same and records nothing.
 * @returns the revoked token, or NOT_FOUND
 */
export async function revokeToken(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  id: string,
): Promise<Result<Token, Fault>> {
  return deps.inTransaction(async (work) => {
    const found = await work.tokens.find(id)
    // The agent is locked first, as whoever revokes it does it.
    const agent = found && (await work.agents.findForUpdate(found.agentId))
    const before = await work.tokens.findForUpdate(id)
    if (before === undefined || agent === undefined) return err(fault('NOT_FOUND', { message: `No token ${id}` }))
    if (before.revokedAt !== null) return ok(before)
    const now = deps.clock.now()
    return ok(await revokeChain(work, by, 'MCP_TOKEN_REVOKED', { agent, before, now }))
  })
}
