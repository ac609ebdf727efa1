import type { FromSchema } from 'json-schema-to-ts'
import type { Host } from '../../domain/hosts/host.ts'
import type { HostStore } from '../../domain/hosts/host-store.ts'
import { ok } from '../../kernel/result.ts'
import { type ActionsOn, listLimitDefault, pageOf } from '../listing.ts'
import { defineTool, type Tool } from '../tool.ts'
import { cursorArgument, limitArgument, queryArgument } from './list-arguments.ts'

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { query: queryArgument, cursor: cursorArgument, limit: limitArgument },
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
        required: ['name', 'groups', 'environment', 'principals', 'modes'],
        properties: {
          name: { type: 'string' },
          groups: { type: 'array', items: { type: 'string' } },
          environment: { type: 'string' },
          principals: { type: 'array', items: { type: 'string' } },
          modes: { type: 'array', items: { type: 'string' } },
        },
      },
    },
    nextCursor: { type: ['string', 'null'] },
  },
} as const

/** Lists the hosts inside the caller's groups, by name. Scope: `host:read`. */
export function listAllowedHosts(deps: {
  readonly hosts: Pick<HostStore, 'listReachable'>
  readonly actionsOn: ActionsOn
}): Tool {
  const tool = defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_list_allowed_hosts',
    title: 'List hosts',
    description:
      'Lists the hosts in the groups of this agent with the accounts and modes they offer, never their addresses.',
    action: 'host.list',
    scopes: ['host:read'],
    readOnly: true,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, arguments: { query = '', cursor, limit = listLimitDefault } }) => {
      const reachable = { groups: caller.standing.effectiveGroups, query }
      const hosts = await pageOf([{ kind: 'host', page: (page) => deps.hosts.listReachable(reachable, page) }], {
        cursor,
        limit,
      })
      if (!hosts.ok) return hosts
      const items: ReturnType<typeof hostItem>[] = []
      for (const host of hosts.value.items) {
        const actions = await deps.actionsOn(caller, [tool], { type: 'host', name: host.name, host })
        if (Object.keys(actions).length > 0) items.push(hostItem(host))
      }
      return ok({ items, nextCursor: hosts.value.nextCursor })
    },
  })
  return tool
}

function hostItem(host: Host) {
  return {
    name: host.name,
    groups: [...host.groups],
    environment: host.environment,
    principals: [...host.principals],
    modes: [...host.modes],
  }
}
