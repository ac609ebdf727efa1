import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { EndReason } from '../sessions/session.ts'
import type { InTransaction } from '../work.ts'
import { type Agent, suspend } from './agent.ts'
import { agentChangedEntry } from './agent-events.ts'

/**
 * Stops an agent until it is resumed. Its next call is refused on every replica within a second; its sessions end.
 * Repeating it answers the same and records nothing.
 * @param ending why its sessions ended, as they and their events say
 * @returns the suspended agent, NOT_FOUND, or AGENT_REVOKED when it is gone for good
 */
export async function suspendAgent(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  reason: string,
  ending: EndReason = 'suspended',
): Promise<Result<Agent, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.agents.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No agent ${idOrName}` }))
    const after = suspend(before)
    if (!after.ok || before.status === 'suspended') return after
    await work.agents.save(after.value)
    work.record(agentChangedEntry(by, 'AGENT_SUSPENDED', before, after.value, { reason }))
    await work.endSessions(by, { agentId: before.id }, ending)
    work.advanceAuthority()
    return ok(after.value)
  })
}
