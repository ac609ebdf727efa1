import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Agent, resume } from './agent.ts'
import { agentChangedEntry } from './agent-events.ts'

/**
 * Lets a suspended agent go on. Repeating it answers the same and records nothing.
 * @returns the active agent, NOT_FOUND, AGENT_REVOKED when it is gone for good, STATE_CONFLICT while its owner is disabled, or
 * KILL_IN_FORCE
 */
export async function resumeAgent(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  reason: string,
): Promise<Result<Agent, Fault>> {
  return deps.inTransaction(async (work) => {
    const found = await work.agents.find(idOrName)
    // The owner is locked first, as whoever disables them does it: so the two wait for each other instead of passing.
    const owner = found && (await work.people.findForUpdate(found.ownerId))
    const before = await work.agents.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No agent ${idOrName}` }))
    const after = resume(before)
    if (!after.ok || before.status === 'active') return after
    if (owner?.id !== before.ownerId || owner.disabledAt !== null) {
      return err(
        fault('STATE_CONFLICT', {
          message: `The owner ${before.owner} is disabled: enable them, or give the agent another owner`,
        }),
      )
    }
    if (await work.kills.stops(before.id)) return err(fault('KILL_IN_FORCE'))
    await work.agents.save(after.value)
    work.record(agentChangedEntry(by, 'AGENT_RESUMED', before, after.value, { reason }))
    work.advanceAuthority()
    return ok(after.value)
  })
}
