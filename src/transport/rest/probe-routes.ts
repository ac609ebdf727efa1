import { parseProbeTarget } from '../../domain/probes/probe-target.ts'
import {
  type CreateProbe,
  createProbeSchema,
  probeSchema,
  probeTarget,
  type UpdateProbe,
  updateProbeSchema,
} from '../../domain/probes/probe.schema.ts'
import { probeView } from '../../domain/probes/probe.ts'
import { createProbe } from '../../domain/probes/run-probe.ts'
import { updateProbe } from '../../domain/probes/update-probe.ts'
import type { Author } from '../../domain/audit/author.ts'
import { beyondReach } from '../../domain/groups/group-reach.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

export const probeRoutes: readonly Route[] = [
  defineRoute({
    id: 'createProbe',
    method: 'POST',
    path: '/probes',
    action: 'probe.create',
    summary: 'Look at an endpoint, once or again and again',
    status: 201,
    body: bodyShape<CreateProbe>(createProbeSchema),
    response: probeSchema,
    errors: ['PROBE_TARGET_FORBIDDEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: async ({ stores }, { body }) =>
      ok({
        resource: await resourceInGroups(stores, { type: 'probe', name: body.target, exists: false }, body.groups),
        subject: undefined,
      }),
    handle: async (deps, by, { body }) => mapOk(await probe(deps, by, body), probeView),
  }),
  defineRoute({
    id: 'listProbes',
    method: 'GET',
    path: '/probes',
    action: 'probe.list',
    summary: 'List probes in the groups of the caller with their latest result; admins and auditors see all',
    query: queryShape<PageQuery & { readonly group?: string; readonly target?: string }>(
      listQuery({ group: groupFilter, target: probeTarget }),
    ),
    response: listOf(probeSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const target = query.target === undefined ? {} : { target: parseProbeTarget(query.target)?.text ?? query.target }
      const page = await stores.probes.list(
        { ...(await groupsToList(stores, caller, query.group)), ...target },
        pageOf(query),
      )
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(probeView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getProbe',
    method: 'GET',
    path: '/probes/:id',
    action: 'probe.read',
    summary: 'Show a probe and its latest result',
    response: probeSchema,
    find: (deps, { id }) => findProbe(deps, id),
    handle: async (_deps, _by, _request, found) => ok(probeView(found)),
  }),
  defineRoute({
    id: 'updateProbe',
    method: 'PATCH',
    path: '/probes/:id',
    action: 'probe.update',
    summary: 'Change how often a probe looks, or stop it, and what it expects to be served',
    body: bodyShape<UpdateProbe>(updateProbeSchema),
    response: probeSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: (deps, { id }) => findProbe(deps, id),
    handle: async (deps, by, { body }, found) => mapOk(await updateProbe(deps, by, found, body), probeView),
  }),
]

async function probe(deps: RestDeps, by: Author, { target: text, groups: asked, ...rest }: CreateProbe) {
  const target = parseProbeTarget(text)
  if (target === undefined) return err(fault('PROBE_TARGET_FORBIDDEN'))
  const groups = await deps.stores.groups.resolve(asked)
  if (!groups.ok) return groups
  const beyond = beyondReach(groups.value, by.groups, by.actor.name)
  if (beyond !== undefined) return err(beyond)
  const { expectCertificate, everySeconds } = rest
  const destination = await deps.prober.locate(target)
  const look = { target, destination, groups: groups.value, expectCertificate, everySeconds }
  return createProbe(deps, { by, on: {} }, look, new AbortController().signal)
}

async function findProbe({ stores }: RestDeps, id: string) {
  const found = await stores.probes.find(id)
  if (found === undefined) return missing('probe', id)
  const { target: name, groups } = found
  return ok({
    resource: await resourceInGroups(stores, { type: 'probe', id: found.id, name, groups, exists: true }),
    subject: found,
  })
}
