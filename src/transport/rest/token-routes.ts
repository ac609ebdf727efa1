import type { Agent } from '../../domain/agents/agent.ts'
import { createToken } from '../../domain/tokens/create-token.ts'
import { revokeToken } from '../../domain/tokens/revoke-token.ts'
import { tokenView } from '../../domain/tokens/token.ts'
import { type CreateToken, createTokenSchema, tokenSchema } from '../../domain/tokens/token.schema.ts'
import { ok } from '../../kernel/result.ts'
import type { ResourceInput } from '../../policy/input.ts'
import { agentFilter, groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { type OptionalReason, optionalReasonSchema } from './reason.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const clientConfigSchema = {
  type: 'object',
  required: ['claudeCode', 'cursor', 'windsurf', 'openhands', 'generic'],
  properties: {
    claudeCode: { type: 'object', description: '`.mcp.json` of Claude Code', examples: [{ mcpServers: {} }] },
    cursor: { type: 'object', description: '`.cursor/mcp.json`', examples: [{ mcpServers: {} }] },
    windsurf: { type: 'object', description: '`mcp_config.json` of Windsurf', examples: [{ mcpServers: {} }] },
    openhands: {
      type: 'string',
      description: 'A shell command for OpenHands',
      examples: ['openhands mcp add certlocker …'],
    },
    generic: { type: 'object', description: 'For clients that follow the common form', examples: [{ mcpServers: {} }] },
  },
  description: 'Ready-to-paste configuration; the token itself is read from CERTLOCKER_MCP_TOKEN',
} as const

const createdTokenSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['token', 'value', 'clientConfig'],
  properties: {
    token: tokenSchema,
    value: { type: 'string', description: 'The bearer. It is shown here and never again', examples: ['clk_mcp_…'] },
    clientConfig: clientConfigSchema,
  },
} as const

export const tokenRoutes: readonly Route[] = [
  defineRoute({
    id: 'createToken',
    method: 'POST',
    path: '/tokens',
    action: 'token.create',
    summary: 'Mint an MCP token for an agent, within its groups and scopes',
    status: 201,
    body: bodyShape<CreateToken>(createTokenSchema),
    response: createdTokenSchema,
    onceShown: ['value'],
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'SCOPE_NOT_PERMITTED', 'AGENT_REVOKED'],
    find: async ({ stores }, { body }) => {
      const agent = await stores.agents.find(body.agentId)
      const token = { name: body.name, groups: body.groups, exists: false }
      return ok({ resource: await tokenOf(stores, agent, token), subject: undefined })
    },
    handle: async (deps, by, { body }) =>
      mapOk(await createToken({ ...deps, mcpUrl: deps.mcpUrl() }, by, body), ({ token, value, clientConfig }) => ({
        token: tokenView(token, deps.clock.now()),
        value: value.expose(),
        clientConfig,
      })),
  }),
  defineRoute({
    id: 'listTokens',
    method: 'GET',
    path: '/tokens',
    action: 'token.list',
    summary: 'List MCP tokens in the groups of the caller; admins and auditors see all',
    query: queryShape<PageQuery & { readonly agent?: string; readonly group?: string }>(
      listQuery({ agent: agentFilter, group: groupFilter }),
    ),
    response: listOf(tokenSchema),
    handle: async ({ stores, clock }, _by, { caller, query }) => {
      const { agent, group } = query
      const groups = await groupsToList(stores, caller, group)
      const page = await stores.tokens.list({ ...groups, ...(agent === undefined ? {} : { agent }) }, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({
        items: items.map((token) => tokenView(token, clock.now())),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'getToken',
    method: 'GET',
    path: '/tokens/:id',
    action: 'token.read',
    summary: 'Show an MCP token, never its value',
    response: tokenSchema,
    find: findToken,
    handle: async ({ clock }, _by, _request, token) => ok(tokenView(token, clock.now())),
  }),
  defineRoute({
    id: 'revokeToken',
    method: 'POST',
    path: '/tokens/:id/revoke',
    action: 'token.revoke',
    summary: 'End an MCP token for good, with its sessions and pending approvals',
    breakGlass: true,
    body: bodyShape<OptionalReason>(optionalReasonSchema),
    response: tokenSchema,
    find: findToken,
    handle: async (deps, by, _request, { id }) =>
      mapOk(await revokeToken(deps, by, id), (token) => tokenView(token, deps.clock.now())),
  }),
]

async function findToken({ stores }: RestDeps, { id }: { readonly id: string }) {
  const token = await stores.tokens.find(id)
  if (token === undefined) return missing('token', id)
  const { name, groups } = token
  const agent = await stores.agents.find(token.agentId)
  return ok({ resource: await tokenOf(stores, agent, { id, name, groups, exists: true }), subject: token })
}

/** A token is a way into its agent: whoever acts on one needs what they would need for the other. */
function tokenOf(
  stores: RestDeps['stores'],
  agent: Pick<Agent, 'groups' | 'ownerId'> | undefined,
  token: Pick<ResourceInput, 'id' | 'name' | 'exists'> & { readonly groups: readonly string[] },
): Promise<ResourceInput> {
  const { groups = token.groups, ownerId: owner = '' } = agent ?? {}
  return resourceInGroups(stores, { ...token, type: 'token', owner, groups })
}
