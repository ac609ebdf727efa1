import { createPerson } from '../../domain/people/create-person.ts'
import { personView } from '../../domain/people/person.ts'
import {
  type CreatePerson,
  createPersonSchema,
  personSchema,
  type UpdatePerson,
  updatePersonSchema,
} from '../../domain/people/person.schema.ts'
import { updatePerson } from '../../domain/people/update-person.ts'
import { ok } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

export const personRoutes: readonly Route[] = [
  defineRoute({
    id: 'createPerson',
    method: 'POST',
    path: '/people',
    action: 'person.create',
    summary: 'Register a person',
    status: 201,
    body: bodyShape<CreatePerson>(createPersonSchema),
    response: personSchema,
    errors: ['NAME_TAKEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: async ({ stores }, { body }) =>
      ok({
        resource: await resourceInGroups(stores, { type: 'person', name: body.email, exists: false }, body.groups),
        subject: undefined,
      }),
    handle: async (deps, by, { body }) => mapOk(await createPerson(deps, by, body), personView),
  }),
  defineRoute({
    id: 'listPeople',
    method: 'GET',
    path: '/people',
    action: 'person.list',
    summary: 'List people who share a group with the caller; admins and auditors see all',
    query: queryShape<PageQuery & { readonly group?: string }>(listQuery({ group: groupFilter })),
    response: listOf(personSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const page = await stores.people.list(await groupsToList(stores, caller, query.group), pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(personView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getPerson',
    method: 'GET',
    path: '/people/:id',
    action: 'person.read',
    summary: 'Show a person',
    response: personSchema,
    find: (deps, { id }) => findPerson(deps, id),
    handle: async (_deps, _by, _request, person) => ok(personView(person)),
  }),
  defineRoute({
    id: 'updatePerson',
    method: 'PATCH',
    path: '/people/:id',
    action: 'person.update',
    summary: 'Change a person; disabling one suspends the agents they own',
    body: bodyShape<UpdatePerson>(updatePersonSchema),
    response: personSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: (deps, { id, body }) => findPerson(deps, id, body.groups),
    handle: async (deps, by, { body }, person) => mapOk(await updatePerson(deps, by, person.id, body), personView),
  }),
]

async function findPerson({ stores }: RestDeps, id: string, asked: readonly string[] = []) {
  const person = await stores.people.find(id)
  if (person === undefined) return missing('person', id)
  const { email, groups } = person
  return ok({
    resource: await resourceInGroups(
      stores,
      { type: 'person', id: person.id, name: email, groups, owner: person.id, exists: true },
      asked,
    ),
    subject: person,
  })
}
