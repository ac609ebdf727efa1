import { type Agent, agentView } from '../../domain/agents/agent.ts'
import {
  agentSchema,
  type CreateAgent,
  createAgentSchema,
  reasonSchema,
  type UpdateAgent,
  updateAgentSchema,
} from '../../domain/agents/agent.schema.ts'
import { createAgent } from '../../domain/agents/create-agent.ts'
import { resumeAgent } from '../../domain/agents/resume-agent.ts'
import { revokeAgent } from '../../domain/agents/revoke-agent.ts'
import { suspendAgent } from '../../domain/agents/suspend-agent.ts'
import { updateAgent } from '../../domain/agents/update-agent.ts'
import { ok } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf, reference } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route, type RouteDefinition } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const ownerFilter = { ...reference, description: 'Id or e-mail of the owner', examples: ['ada@example.com'] } as const

type Reason = { readonly reason: string }

export const agentRoutes: readonly Route[] = [
  defineRoute({
    id: 'createAgent',
    method: 'POST',
    path: '/agents',
    action: 'agent.create',
    summary: 'Register an agent; it can do nothing until it has a token',
    status: 201,
    body: bodyShape<CreateAgent>(createAgentSchema),
    response: agentSchema,
    errors: ['NAME_TAKEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'SCOPE_NOT_PERMITTED', 'STATE_CONFLICT'],
    find: async ({ stores }, { body }) => {
      const owner = (await stores.people.find(body.owner))?.id ?? ''
      return ok({
        resource: await resourceInGroups(stores, { type: 'agent', name: body.name, owner, exists: false }, body.groups),
        subject: undefined,
      })
    },
    handle: async (deps, by, { body }) => mapOk(await createAgent(deps, by, body), agentView),
  }),
  defineRoute({
    id: 'listAgents',
    method: 'GET',
    path: '/agents',
    action: 'agent.list',
    summary: 'List agents in the groups of the caller; admins and auditors see all',
    query: queryShape<PageQuery & { readonly owner?: string; readonly group?: string }>(
      listQuery({ owner: ownerFilter, group: groupFilter }),
    ),
    response: listOf(agentSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const { owner, group } = query
      const groups = await groupsToList(stores, caller, group)
      const page = await stores.agents.list({ ...groups, ...(owner === undefined ? {} : { owner }) }, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(agentView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getAgent',
    method: 'GET',
    path: '/agents/:id',
    action: 'agent.read',
    summary: 'Show an agent',
    response: agentSchema,
    find: (deps, { id }) => findAgent(deps, id),
    handle: async (_deps, _by, _request, agent) => ok(agentView(agent)),
  }),
  defineRoute({
    id: 'updateAgent',
    method: 'PATCH',
    path: '/agents/:id',
    action: 'agent.update',
    summary: 'Change an agent; what it may do changes at once, everywhere',
    body: bodyShape<UpdateAgent>(updateAgentSchema),
    response: agentSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'SCOPE_NOT_PERMITTED', 'STATE_CONFLICT', 'AGENT_REVOKED'],
    find: (deps, { id, body }) => findAgent(deps, id, body.groups),
    handle: async (deps, by, { body }, agent) => mapOk(await updateAgent(deps, by, agent.id, body), agentView),
  }),
  defineRoute({
    id: 'suspendAgent',
    path: '/agents/:id/suspend',
    action: 'agent.suspend',
    summary: 'Stop an agent until it is resumed: refused on every replica within a second',
    breakGlass: true,
    errors: ['AGENT_REVOKED'],
    ...transition(suspendAgent),
  }),
  defineRoute({
    id: 'resumeAgent',
    path: '/agents/:id/resume',
    action: 'agent.resume',
    summary: 'Let a suspended agent go on with the rights it had',
    errors: ['AGENT_REVOKED', 'STATE_CONFLICT'],
    ...transition(resumeAgent),
  }),
  defineRoute({
    id: 'revokeAgent',
    path: '/agents/:id/revoke',
    action: 'agent.revoke',
    summary: 'End an agent for good, with its tokens, sessions and pending approvals',
    breakGlass: true,
    ...transition(revokeAgent),
  }),
]

/** @param asked groups that the request would give it */
export async function findAgent({ stores }: Pick<RestDeps, 'stores'>, id: string, asked: readonly string[] = []) {
  const agent = await stores.agents.find(id)
  if (agent === undefined) return missing('agent', id)
  const facts = {
    type: 'agent',
    id: agent.id,
    name: agent.name,
    groups: agent.groups,
    owner: agent.ownerId,
    exists: true,
  } as const
  const resource = await resourceInGroups(stores, facts, asked)
  // Or whoever has a group could take the agent for themselves by putting it there.
  return ok({ resource: agent.groups.length === 0 ? { ...resource, groups: [] } : resource, subject: agent })
}

/** What suspend, resume and revoke have in common: `{reason}` in, the agent out. */
function transition(change: typeof revokeAgent) {
  return {
    method: 'POST',
    body: bodyShape<Reason>(reasonSchema),
    response: agentSchema,
    find: (deps, { id }) => findAgent(deps, id),
    handle: async (deps, by, { body }, agent) => mapOk(await change(deps, by, agent.id, body.reason), agentView),
  } satisfies Partial<RouteDefinition<object, Reason, Agent>>
}
