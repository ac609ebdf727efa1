import { createGroup } from '../../domain/groups/create-group.ts'
import { groupView } from '../../domain/groups/group.ts'
import {
  type CreateGroup,
  createGroupSchema,
  groupSchema,
  type UpdateGroup,
  updateGroupSchema,
} from '../../domain/groups/group.schema.ts'
import { updateGroup } from '../../domain/groups/update-group.ts'
import { ok } from '../../kernel/result.ts'
import { strictestEnvironment } from '../../policy/input.ts'
import { listOf, listQuery, type PageQuery, pageOf, visibleGroups } from './list.ts'
import { mapOk } from './map-ok.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

export const groupRoutes: readonly Route[] = [
  defineRoute({
    id: 'createGroup',
    method: 'POST',
    path: '/groups',
    action: 'group.create',
    summary: 'Create a group',
    status: 201,
    body: bodyShape<CreateGroup>(createGroupSchema),
    response: groupSchema,
    errors: ['NAME_TAKEN'],
    // It is in no group yet, not in itself either.
    find: async (_deps, { body: { name, environment } }) =>
      ok({ resource: { type: 'group', name, environment, exists: false }, subject: undefined }),
    handle: async (deps, by, { body }) => mapOk(await createGroup(deps, by, body), groupView),
  }),
  defineRoute({
    id: 'listGroups',
    method: 'GET',
    path: '/groups',
    action: 'group.list',
    summary: 'List the groups that the caller has; admins and auditors see all',
    query: queryShape<PageQuery>(listQuery()),
    response: listOf(groupSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const groups = visibleGroups(caller)
      const page = await stores.groups.list(groups === undefined ? {} : { groups }, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(groupView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getGroup',
    method: 'GET',
    path: '/groups/:id',
    action: 'group.read',
    summary: 'Show a group',
    response: groupSchema,
    find: findGroup,
    handle: async (_deps, _by, _request, group) => ok(groupView(group)),
  }),
  defineRoute({
    id: 'updateGroup',
    method: 'PATCH',
    path: '/groups/:id',
    action: 'group.update',
    summary: 'Change what a group is about; its name never changes',
    body: bodyShape<UpdateGroup>(updateGroupSchema),
    response: groupSchema,
    find: async (deps, request) => {
      const found = await findGroup(deps, request)
      return mapOk(found, ({ resource, subject }) => ({
        resource: {
          ...resource,
          environment: strictestEnvironment([subject.environment, request.body.environment ?? '']),
        },
        subject,
      }))
    },
    handle: async (deps, by, { body }, group) => mapOk(await updateGroup(deps, by, group.id, body), groupView),
  }),
]

async function findGroup({ stores }: RestDeps, { id }: { readonly id: string }) {
  const group = await stores.groups.find(id)
  if (group === undefined) return missing('group', id)
  const { name, environment } = group
  return ok({
    resource: { type: 'group', id: group.id, name, groups: [name], environment, exists: true },
    subject: group,
  })
}
