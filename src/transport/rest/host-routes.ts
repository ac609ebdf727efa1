import { createHost } from '../../domain/hosts/create-host.ts'
import { hostView } from '../../domain/hosts/host.ts'
import {
  type CreateHost,
  createHostSchema,
  hostSchema,
  type UpdateHost,
  updateHostSchema,
} from '../../domain/hosts/host.schema.ts'
import { updateHost } from '../../domain/hosts/update-host.ts'
import { ok } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

export const hostRoutes: readonly Route[] = [
  defineRoute({
    id: 'createHost',
    method: 'POST',
    path: '/hosts',
    action: 'host.create',
    summary: 'Register a host that agents of its groups may ask for',
    status: 201,
    body: bodyShape<CreateHost>(createHostSchema),
    response: hostSchema,
    errors: ['NAME_TAKEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: async ({ stores }, { body }) =>
      ok({
        resource: await resourceInGroups(stores, { type: 'host', name: body.name, exists: false }, body.groups),
        subject: undefined,
      }),
    handle: async (deps, by, { body }) => mapOk(await createHost(deps, by, body), hostView),
  }),
  defineRoute({
    id: 'listHosts',
    method: 'GET',
    path: '/hosts',
    action: 'host.list',
    summary: 'List hosts in the groups of the caller; admins and auditors see all',
    query: queryShape<PageQuery & { readonly group?: string }>(listQuery({ group: groupFilter })),
    response: listOf(hostSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const page = await stores.hosts.list(await groupsToList(stores, caller, query.group), pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(hostView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getHost',
    method: 'GET',
    path: '/hosts/:id',
    action: 'host.read',
    summary: 'Show a host',
    response: hostSchema,
    find: (deps, { id }) => findHost(deps, id),
    handle: async (_deps, _by, _request, host) => ok(hostView(host)),
  }),
  defineRoute({
    id: 'updateHost',
    method: 'PATCH',
    path: '/hosts/:id',
    action: 'host.update',
    summary: 'Change a host; its name never changes',
    body: bodyShape<UpdateHost>(updateHostSchema),
    response: hostSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: (deps, { id, body }) => findHost(deps, id, body.groups),
    handle: async (deps, by, { body }, host) => mapOk(await updateHost(deps, by, host.id, body), hostView),
  }),
]

async function findHost({ stores }: RestDeps, id: string, asked: readonly string[] = []) {
  const host = await stores.hosts.find(id)
  if (host === undefined) return missing('host', id)
  const { name, groups } = host
  return ok({
    resource: await resourceInGroups(stores, { type: 'host', id: host.id, name, groups, exists: true }, asked),
    subject: host,
  })
}
