import type { FromSchema } from 'json-schema-to-ts'
import type { Host } from '../../domain/hosts/host.ts'
import type { HostStore } from '../../domain/hosts/host-store.ts'
import type { SecretRecord } from '../../domain/secrets/secret.ts'
import type { SecretStore } from '../../domain/secrets/secret-store.ts'
import type { Paged } from '../../domain/page.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { type Scope, scopes } from '../../kernel/vocabulary.ts'
import type { AgentCaller } from '../caller.ts'
import type { Identified } from '../identify.ts'
import { type ActionsOn, listLimitDefault, pageOf, type Shelf } from '../listing.ts'
import { defineTool, type Tool } from '../tool.ts'
import { cursorArgument, limitArgument, queryArgument } from './list-arguments.ts'

const types = ['host', 'private_secret', 'secret'] as const
type ResourceType = (typeof types)[number]

const scopeOf: Record<ResourceType, Scope> = {
  host: 'host:read',
  private_secret: 'private_secret:read',
  secret: 'secret:read',
}

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    type: { enum: types, description: 'Only resources of this type' },
    query: queryArgument,
    cursor: cursorArgument,
    limit: limitArgument,
  },
} as const

const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['items', 'nextCursor'],
  properties: {
    items: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type', 'name', 'groups', 'environment', 'version', 'notAfter', 'actions'],
        properties: {
          type: { enum: types },
          name: { type: 'string' },
          groups: { type: 'array', items: { type: 'string' } },
          environment: { type: 'string' },
          version: { type: ['integer', 'null'] },
          notAfter: { type: ['string', 'null'] },
          actions: { type: 'object', additionalProperties: { enum: ['allow', 'require_approval'] } },
        },
      },
    },
    nextCursor: { type: ['string', 'null'] },
  },
} as const

interface ListDeps {
  readonly secrets: Pick<SecretStore, 'listReachable'>
  readonly hosts: Pick<HostStore, 'listReachable'>
  readonly actionsOn: ActionsOn
  readonly toolsOn: ToolsOn
}

/** The tools that act on one named resource, by the type of resource; the hosts' own list stands in for them. */
export interface ToolsOn {
  readonly secret: readonly Tool[]
  readonly host: readonly Tool[]
}

/** Lists what the agent could ask for and with which effect. Never a value. Any scope; types its scopes act on. */
export function listAllowedResources(deps: ListDeps): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_list_allowed_resources',
    title: 'List allowed resources',
    description:
      'Lists the names of secrets and hosts that this agent may ask for, and for each tool whether the answer is allow or require_approval.',
    action: 'resource.list',
    scopes,
    readOnly: true,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, arguments: { type, query = '', cursor, limit = listLimitDefault } }) => {
      const wanted = types.filter(
        (each) => (type === undefined || each === type) && caller.standing.effectiveScopes.includes(scopeOf[each]),
      )
      const rows = await pageOf(
        wanted.map((each) => shelf(deps, caller, each, query)),
        { cursor, limit },
      )
      if (!rows.ok) return rows
      const items: Item[] = []
      for (const { kind, resource } of rows.value.items) {
        const tools = resource.type === 'host' ? deps.toolsOn.host : deps.toolsOn.secret
        const actions = await deps.actionsOn(caller, tools, resource)
        if (Object.keys(actions).length > 0) items.push({ ...itemOf(kind, resource), actions })
      }
      return ok({ items, nextCursor: rows.value.nextCursor })
    },
  })
}

type Listed = Extract<Identified, { type: 'host' | 'secret' }>
type Item = ReturnType<typeof itemOf> & { readonly actions: { readonly [tool: string]: 'allow' | 'require_approval' } }

interface Row {
  readonly kind: ResourceType
  readonly resource: Listed
}

function shelf(deps: ListDeps, caller: AgentCaller, kind: ResourceType, query: string): Shelf<Row> {
  const { effectiveGroups: groups, agent } = caller.standing
  return {
    kind,
    page: async (page) => {
      if (kind === 'host') return rowsOf(await deps.hosts.listReachable({ groups, query }, page), hostRow)
      const secretKind = kind === 'secret' ? 'shared' : 'private'
      return rowsOf(
        await deps.secrets.listReachable({ kind: secretKind, groups, ownerId: agent.ownerId, query }, page),
        (secret) => secretRow(kind, secret),
      )
    },
  }
}

function rowsOf<T>(found: Result<Paged<T>, Fault>, row: (item: T) => Row): Result<Paged<Row>, Fault> {
  return found.ok ? ok({ items: found.value.items.map(row), nextCursor: found.value.nextCursor }) : found
}

function hostRow(host: Host): Row {
  return { kind: 'host', resource: { type: 'host', name: host.name, host } }
}

function secretRow(kind: ResourceType, secret: SecretRecord): Row {
  return { kind, resource: { type: 'secret', name: secret.name, version: secret.currentVersion, secret } }
}

function itemOf(type: ResourceType, resource: Listed) {
  const found = resource.type === 'host' ? resource.host : resource.secret
  return {
    type,
    name: resource.name,
    groups: [...(found?.groups ?? [])],
    environment: found?.environment ?? '',
    version: resource.type === 'secret' ? resource.version : null,
    notAfter: null,
  }
}
