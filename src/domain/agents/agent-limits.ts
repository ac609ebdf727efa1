import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import { type Person, reachOf } from '../people/person.ts'

/** @returns the person when they can answer for an agent: REFERENCE_UNKNOWN when there is none, STATE_CONFLICT when disabled */
export function fitOwner(owner: Person | undefined, asked: string): Result<Person, Fault> {
  if (owner === undefined) return err(fault('REFERENCE_UNKNOWN', { message: `No person ${asked}` }))
  if (owner.disabledAt !== null)
    return err(fault('STATE_CONFLICT', { message: `The owner ${owner.email} is disabled` }))
  return ok(owner)
}

/** @returns GROUP_NOT_PERMITTED naming the groups that the owner, or else the author, does not have */
export function fitReach(groups: readonly string[], owner: Person, by: Author): Fault | undefined {
  return (
    beyondReach(groups, reachOf(owner), `the owner ${owner.email}`) ?? beyondReach(groups, by.groups, by.actor.name)
  )
}
