import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction } from '../work.ts'
import { type Person, personResource, personView, reachOf } from './person.ts'
import type { CreatePerson } from './person.schema.ts'

/**
 * Registers a person. Nobody hands out groups they lack; an admin, who has every group, is made by one who has every group.
 * @returns the person, REFERENCE_UNKNOWN, GROUP_NOT_PERMITTED or NAME_TAKEN
 */
export async function createPerson(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: CreatePerson,
): Promise<Result<Person, Fault>> {
  return deps.inTransaction(async (work) => {
    const groups = await work.groups.resolve(request.groups)
    if (!groups.ok) return groups
    const person: Person = {
      id: newId('per'),
      email: request.email.toLowerCase(),
      name: request.name,
      role: request.role,
      groups: groups.value,
      disabledAt: null,
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.id,
    }
    const beyond = beyondReach(reachOf(person), by.groups, 'the creator')
    if (beyond !== undefined) return err(beyond)
    if (!(await work.people.insert(person)))
      return err(fault('NAME_TAKEN', { message: `The e-mail ${person.email} is taken` }))
    work.record(
      changeEntry(by, {
        type: 'PERSON_CREATED',
        resource: personResource(person),
        details: { before: null, after: personView(person) },
      }),
    )
    return ok(person)
  })
}
