import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { agentChangedEntry } from '../agents/agent-events.ts'
import { suspend } from '../agents/agent.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Person, personResource, personView, reachOf, withChanges } from './person.ts'
import type { UpdatePerson } from './person.schema.ts'

/**
 * Changes a person. `disabled: true` shuts them out and suspends the agents they own, in the same transaction; enabling them
 * again leaves those agents suspended until each is resumed.
 * @returns the changed person, NOT_FOUND, REFERENCE_UNKNOWN, or GROUP_NOT_PERMITTED when the author lacks a group that the
 * change of role or groups, or letting them in again, would leave the person with
 */
export async function updatePerson(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  idOrEmail: string,
  changes: UpdatePerson,
): Promise<Result<Person, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.people.findForUpdate(idOrEmail)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No person ${idOrEmail}` }))
    const groups = changes.groups === undefined ? ok(before.groups) : await work.groups.resolve(changes.groups)
    if (!groups.ok) return groups
    const after = withChanges(before, changes, groups.value, new Date(deps.clock.now()))
    if (handsOutRights(changes)) {
      const beyond = beyondReach(reachOf(after), by.groups, 'whoever changes the person')
      if (beyond !== undefined) return err(beyond)
    }
    await work.people.save(after)
    work.record(
      changeEntry(by, {
        type: 'PERSON_UPDATED',
        resource: personResource(after),
        details: { before: personView(before), after: personView(after) },
      }),
    )
    if (before.disabledAt === null && after.disabledAt !== null) await suspendAgentsOf(work, by, after)
    work.advanceAuthority()
    return ok(after)
  })
}

function handsOutRights({ role, groups, disabled }: UpdatePerson): boolean {
  return role !== undefined || groups !== undefined || disabled === false
}

async function suspendAgentsOf(work: Work, by: Author, owner: Person): Promise<void> {
  for (const agent of await work.agents.findActiveOfOwnerForUpdate(owner.id)) {
    const suspended = suspend(agent)
    if (!suspended.ok) continue
    await work.agents.save(suspended.value)
    work.record(agentChangedEntry(by, 'AGENT_SUSPENDED', agent, suspended.value, { reason: 'The owner was disabled' }))
    await work.endSessions(by, { agentId: agent.id }, 'suspended')
  }
}
