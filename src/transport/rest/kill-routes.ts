import { type Kill, killView } from '../../domain/kills/kill.ts'
import { killSchema, type OrderKill, orderKillSchema } from '../../domain/kills/kill.schema.ts'
import { liftKill } from '../../domain/kills/order-kill.ts'
import { reasonSchema } from '../../domain/agents/agent.schema.ts'
import type { Stores } from '../../domain/stores.ts'
import { throwKillSwitch } from '../../gateway/kill/kill-switch.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { ResourceInput } from '../../policy/input.ts'
import { listOf, listQuery, type PageQuery, pageOf, visibleGroups } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import { defineRoute, type Found, missing, type Missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const inForce = { type: 'boolean', description: 'Only those that still stop something, or only the others' } as const

export const killRoutes: readonly Route[] = [
  defineRoute({
    id: 'kill',
    method: 'POST',
    path: '/kill',
    action: 'kill.order',
    summary: 'Stop an agent, the agents of an owner or a group, or all: their rights are gone at once, everywhere',
    breakGlass: true,
    body: bodyShape<OrderKill>(orderKillSchema),
    response: killSchema,
    find: ({ stores }, { body }) => targetOf(stores, body),
    handle: async (deps, by, { body }, target) => {
      const { kind, reason, revoke = false, drill = false } = body
      const thrown = await throwKillSwitch(deps, by, { kind, target, reason, revoke, drill })
      return mapOk(thrown, ({ kill, receipts }) => killView(kill, receipts))
    },
  }),
  defineRoute({
    id: 'liftKill',
    method: 'POST',
    path: '/kill/:id/lift',
    action: 'kill.lift',
    summary: 'Let agents be created and resumed again; those it suspended stay so until they are resumed',
    body: bodyShape<{ readonly reason: string }>(reasonSchema),
    response: killSchema,
    errors: ['STATE_CONFLICT'],
    find: ({ stores }, { id }) => findKill(stores, id),
    handle: async (deps, by, { body }, { id }) => {
      const lifted = await liftKill(deps, by, { id, reason: body.reason })
      return lifted.ok ? ok(killView(lifted.value, await deps.stores.kills.receipts(id))) : lifted
    },
  }),
  defineRoute({
    id: 'listKills',
    method: 'GET',
    path: '/kill',
    action: 'kill.list',
    summary:
      'List uses of the kill switch on agents in the groups of the caller, and on all; admins and auditors see all',
    query: queryShape<PageQuery & { readonly inForce?: boolean }>(listQuery({ inForce })),
    response: listOf(killSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const groups = visibleGroups(caller)
      const filter = {
        ...(query.inForce === undefined ? {} : { inForce: query.inForce }),
        ...(groups === undefined ? {} : { groups }),
      }
      const page = await stores.kills.list(filter, pageOf(query))
      if (!page.ok) return page
      const items = page.value.items.map(async (kill) => killView(kill, await stores.kills.receipts(kill.id)))
      return ok({ items: await Promise.all(items), nextCursor: page.value.nextCursor })
    },
  }),
  defineRoute({
    id: 'getKill',
    method: 'GET',
    path: '/kill/:id',
    action: 'kill.read',
    summary: 'Show a use of the kill switch and which replica confirmed it',
    response: killSchema,
    find: ({ stores }, { id }) => findKill(stores, id),
    handle: async ({ stores }, _by, _request, kill) => ok(killView(kill, await stores.kills.receipts(kill.id))),
  }),
]

/** Whom an order is about; the policy sees every group that it would reach. */
async function targetOf(stores: Stores, { kind, id = '' }: OrderKill): Promise<Result<Found<Kill['target']>, Missing>> {
  if (kind === 'all') return ok({ resource: { type: 'all', name: 'all', exists: true }, subject: null })
  if (kind === 'agent') {
    const agent = await stores.agents.find(id)
    if (agent === undefined) return missing('agent', id)
    return found(stores, { type: 'agent', id: agent.id, name: agent.name, owner: agent.ownerId }, agent.groups)
  }
  if (kind === 'group') {
    const group = await stores.groups.find(id)
    if (group === undefined) return missing('group', id)
    return found(stores, { type: 'group', id: group.id, name: group.name }, [group.name])
  }
  const owner = await stores.people.find(id)
  if (owner === undefined) return missing('person', id)
  const groups = await stores.kills.groupsOfAgentsOf(owner.id)
  return found(stores, { type: 'person', id: owner.id, name: owner.email, owner: owner.id }, groups)
}

async function found(
  stores: Stores,
  facts: Pick<ResourceInput, 'type' | 'name' | 'owner'> & { readonly id: string },
  groups: readonly string[],
): Promise<Result<Found<Kill['target']>, Missing>> {
  const resource = await resourceInGroups(stores, { ...facts, groups, exists: true })
  return ok({ resource, subject: { id: facts.id, name: facts.name } })
}

async function findKill(stores: Stores, id: string): Promise<Result<Found<Kill>, Missing>> {
  const kill = await stores.kills.find(id)
  if (kill === undefined) return missing('kill', id)
  const target = await targetOf(stores, { kind: kill.kind, id: kill.target?.id ?? '', reason: '' })
  return ok({
    resource: { ...(target.ok ? target.value.resource : { type: 'kill', name: id }), exists: true },
    subject: kill,
  })
}
