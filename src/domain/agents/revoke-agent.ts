import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { approvalCancelledEntry } from '../approvals/approval-events.ts'
import type { Author } from '../audit/author.ts'
import { tokenChangedEntry } from '../tokens/token-events.ts'
import type { EndReason } from '../sessions/session.ts'
import type { InTransaction } from '../work.ts'
import { type Agent, revoke } from './agent.ts'
import { agentChangedEntry } from './agent-events.ts'

/**
 * Ends an agent for good: its tokens are revoked, its sessions end, its live approvals are cancelled. There is no way back.
 * Repeating it answers the same and records nothing.
 * @param ending why its sessions ended, as they and their events say
 * @returns the revoked agent, or NOT_FOUND
 */
export async function revokeAgent(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  idOrName: string,
  reason: string,
  ending: EndReason = 'revoked',
): Promise<Result<Agent, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.agents.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No agent ${idOrName}` }))
    if (before.status === 'revoked') return ok(before)
    const now = deps.clock.now()
    const after = revoke(before)
    await work.agents.save(after)
    work.record(agentChangedEntry(by, 'AGENT_REVOKED', before, after, { reason }))
    for (const token of await work.tokens.revokeAllOf(before.id, new Date(now))) {
      work.record(
        tokenChangedEntry(by, 'MCP_TOKEN_REVOKED', {
          agent: after,
          before: { ...token, revokedAt: null },
          after: token,
          now,
          details: { reason },
        }),
      )
    }
    await work.endSessions(by, { agentId: before.id }, ending)
    for (const approval of await work.approvals.cancelLive({ agentId: before.id })) {
      work.record(approvalCancelledEntry(by, approval, after))
    }
    work.advanceAuthority()
    return ok(after)
  })
}
