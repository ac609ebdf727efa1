import type { Role } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { GroupReach } from '../groups/group-reach.ts'
import type { UpdatePerson } from './person.schema.ts'

/** A human who owns agents, operates, approves or audits. */
export interface Person {
  readonly id: string
  /** Lower case; unique. */
  readonly email: string
  readonly name: string
  readonly role: Role
  /** Names of groups, sorted. An admin has every group, whatever is listed here. */
  readonly groups: readonly string[]
  readonly disabledAt: Date | null
  readonly createdAt: Date
  readonly createdBy: string
}

/** The groups that the person has. */
export function reachOf({ role, groups }: Pick<Person, 'role' | 'groups'>): GroupReach {
  return role === 'admin' ? 'every' : groups
}

/**
 * The person with what a PATCH gives; what it leaves out stays. Disabling twice keeps the first time.
 * @param groups the names behind `changes.groups`
 */
export function withChanges(person: Person, changes: UpdatePerson, groups: readonly string[], now: Date): Person {
  const disabled = changes.disabled ?? person.disabledAt !== null
  return {
    ...person,
    name: changes.name ?? person.name,
    role: changes.role ?? person.role,
    groups,
    disabledAt: disabled ? (person.disabledAt ?? now) : null,
  }
}

/** The person as the resource of an event about themselves. */
export function personResource(person: Person): NonNullable<AuditEvent['resource']> {
  return { type: 'person', id: person.id, name: person.email, groups: person.groups, environment: '', version: null }
}

/** The person as people and events see them. */
export function personView(person: Person) {
  return {
    id: person.id,
    email: person.email,
    name: person.name,
    role: person.role,
    groups: [...person.groups],
    disabled: person.disabledAt !== null,
    createdAt: person.createdAt.toISOString(),
    createdBy: person.createdBy,
  }
}
