import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Agent, beyondOwn } from './agent.ts'
import type { CreateAgent } from './agent.schema.ts'
import { agentChangedEntry } from './agent-events.ts'
import { fitOwner, fitReach } from './agent-limits.ts'

/**
 * Registers an agent. It can do nothing yet: it needs a token.
 * @returns the active agent; REFERENCE_UNKNOWN when the owner or a group does not exist, STATE_CONFLICT when the owner is
 * disabled, GROUP_NOT_PERMITTED when a group lies outside the owner's or the creator's, SCOPE_NOT_PERMITTED when it could
 * read private secrets of another owner than the creator, NAME_TAKEN, KILL_IN_FORCE
 */
export async function createAgent(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: CreateAgent,
): Promise<Result<Agent, Fault>> {
  return deps.inTransaction(async (work) => {
    const owner = fitOwner(await work.people.findForUpdate(request.owner), request.owner)
    if (!owner.ok) return owner
    const groups = await work.groups.resolve(request.groups)
    if (!groups.ok) return groups
    const misfit = fitReach(groups.value, owner.value, by)
    if (misfit !== undefined) return err(misfit)
    const agent: Agent = {
      id: newId('agt'),
      name: request.name,
      description: request.description ?? '',
      ownerId: owner.value.id,
      owner: owner.value.email,
      riskLevel: request.riskLevel,
      scopes: request.scopes,
      groups: groups.value,
      status: 'active',
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.id,
    }
    const beyond = beyondOwn(agent.scopes, agent, by)
    if (beyond !== undefined) return err(beyond)
    if (!(await work.agents.insert(agent)))
      return err(fault('NAME_TAKEN', { message: `The name ${agent.name} is taken` }))
    // Asked once it is there, so that it cannot slip past a kill that commits meanwhile.
    if (await work.kills.stops(agent.id)) return err(fault('KILL_IN_FORCE'))
    work.record(agentChangedEntry(by, 'AGENT_CREATED', null, agent))
    return ok(agent)
  })
}
