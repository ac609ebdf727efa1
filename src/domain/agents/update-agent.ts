import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Agent, beyondOwn, withChanges } from './agent.ts'
import type { UpdateAgent } from './agent.schema.ts'
import { agentChangedEntry } from './agent-events.ts'
import { fitOwner, fitReach } from './agent-limits.ts'

/**
 * Changes an agent. Whatever bears on rights (owner, risk, scopes, groups) may be changed only by one who has all of its
 * resulting groups, under an owner who has them too: otherwise it would be a way to rights one lacks.
 * @returns the changed agent, NOT_FOUND, AGENT_REVOKED, or the refusals of `createAgent`
 */
export async function updateAgent(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  changes: UpdateAgent,
): Promise<Result<Agent, Fault>> {
  return deps.inTransaction(async (work) => {
    // Before the agent's own row, in the order in which disabling a person locks.
    const newOwner = changes.owner === undefined ? undefined : await work.people.findForUpdate(changes.owner)
    const before = await work.agents.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No agent ${idOrName}` }))
    if (before.status === 'revoked') return err(fault('AGENT_REVOKED'))
    const after = await changed(work, by, before, changes, newOwner)
    if (!after.ok) return after
    await work.agents.save(after.value)
    work.record(agentChangedEntry(by, 'AGENT_UPDATED', before, after.value))
    work.advanceAuthority()
    return after
  })
}

async function changed(
  work: Work,
  by: Author,
  before: Agent,
  changes: UpdateAgent,
  newOwner: Awaited<ReturnType<Work['people']['find']>>,
): Promise<Result<Agent, Fault>> {
  if (!bearsOnRights(changes)) return ok(withChanges(before, changes))
  const owner = changes.owner === undefined ? await work.people.find(before.ownerId) : newOwner
  const fit = fitOwner(owner, changes.owner ?? before.owner)
  if (!fit.ok) return fit
  const groups = changes.groups === undefined ? ok(before.groups) : await work.groups.resolve(changes.groups)
  if (!groups.ok) return groups
  const misfit = fitReach(groups.value, fit.value, by)
  if (misfit !== undefined) return err(misfit)
  const after = { ...withChanges(before, changes), ownerId: fit.value.id, owner: fit.value.email, groups: groups.value }
  const isSameOwner = after.ownerId === before.ownerId
  const given = isSameOwner ? after.scopes.filter((scope) => !before.scopes.includes(scope)) : after.scopes
  const beyond = beyondOwn(given, after, by)
  return beyond === undefined ? ok(after) : err(beyond)
}

function bearsOnRights({ owner, riskLevel, scopes, groups }: UpdateAgent): boolean {
  return owner !== undefined || riskLevel !== undefined || scopes !== undefined || groups !== undefined
}
