import { endSession } from '../../domain/sessions/end-session.ts'
import { type SessionStatus, sessionStatuses, sessionView } from '../../domain/sessions/session.ts'
import { sessionSchema } from '../../domain/sessions/session.schema.ts'
import { ok } from '../../kernel/result.ts'
import { findAgent } from './agent-routes.ts'
import { agentFilter, groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { type OptionalReason, optionalReasonSchema } from './reason.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const status = { enum: sessionStatuses, description: 'Whether it goes on', examples: ['active'] } as const

type StatusQuery = PageQuery & { readonly status?: SessionStatus }

export const sessionRoutes: readonly Route[] = [
  defineRoute({
    id: 'listSessions',
    method: 'GET',
    path: '/sessions',
    action: 'session.list',
    summary: 'List sessions of agents in the groups of the caller; admins and auditors see all',
    query: queryShape<StatusQuery & { readonly agent?: string; readonly group?: string }>(
      listQuery({ agent: agentFilter, status, group: groupFilter }),
    ),
    response: listOf(sessionSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const { agent, group } = query
      const filter = {
        ...(await groupsToList(stores, caller, group)),
        ...statusFilter(query),
        ...(agent === undefined ? {} : { agent }),
      }
      return mapOk(await stores.sessions.list(filter, pageOf(query)), ({ items, nextCursor }) => ({
        items: items.map(sessionView),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'listAgentSessions',
    method: 'GET',
    path: '/agents/:id/sessions',
    action: 'session.list',
    summary: 'List the sessions of an agent',
    query: queryShape<StatusQuery>(listQuery({ status })),
    response: listOf(sessionSchema),
    find: (deps, { id }) => findAgent(deps, id),
    handle: async ({ stores }, _by, { query }, { id }) => {
      const page = await stores.sessions.list({ agent: id, ...statusFilter(query) }, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(sessionView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'endSession',
    method: 'POST',
    path: '/sessions/:id/end',
    action: 'session.end',
    summary: 'End a session; its id is refused on every replica within a second',
    breakGlass: true,
    body: bodyShape<OptionalReason>(optionalReasonSchema),
    response: sessionSchema,
    errors: ['STATE_CONFLICT'],
    find: async ({ stores }, { id }) => {
      const session = await stores.sessions.find(id)
      if (session === undefined) return missing('session', id)
      const { groups = [], ownerId: owner = '' } = (await stores.agents.find(session.agent.id)) ?? {}
      return ok({
        resource: await resourceInGroups(stores, { type: 'session', id, name: id, groups, owner, exists: true }),
        subject: session,
      })
    },
    handle: async (deps, by, _request, { id }) => mapOk(await endSession(deps, by, id, 'admin'), sessionView),
  }),
]

function statusFilter({ status: wanted }: StatusQuery): { readonly status?: SessionStatus } {
  return wanted === undefined ? {} : { status: wanted }
}
