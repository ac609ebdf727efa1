import { apiKeyView } from '../../domain/people/api-key.ts'
import { apiKeySchema, type CreateApiKey, createApiKeySchema } from '../../domain/people/api-key.schema.ts'
import { createApiKey } from '../../domain/people/create-api-key.ts'
import { revokeApiKey } from '../../domain/people/revoke-api-key.ts'
import { ok } from '../../kernel/result.ts'
import { listOf, listQuery, type PageQuery, pageOf, reference, visibleGroups } from './list.ts'
import { mapOk } from './map-ok.ts'
import { optionalReasonSchema, type OptionalReason } from './reason.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const createdApiKeySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['apiKey', 'value'],
  properties: {
    apiKey: apiKeySchema,
    value: { type: 'string', description: 'The bearer. It is shown here and never again', examples: ['clk_api_…'] },
  },
} as const

const personFilter = { ...reference, description: 'Id or e-mail of the person', examples: ['ada@example.com'] } as const

export const apiKeyRoutes: readonly Route[] = [
  defineRoute({
    id: 'createApiKey',
    method: 'POST',
    path: '/api-keys',
    action: 'api_key.create',
    summary: 'Mint a REST key for a person',
    status: 201,
    body: bodyShape<CreateApiKey>(createApiKeySchema),
    response: createdApiKeySchema,
    onceShown: ['value'],
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'STATE_CONFLICT'],
    find: async ({ stores }, { body }) => {
      const person = await stores.people.find(body.person)
      const facts = {
        type: 'api_key',
        name: body.name,
        owner: person?.id ?? '',
        groups: person?.groups ?? [],
        exists: false,
      }
      return ok({ resource: await resourceInGroups(stores, facts), subject: undefined })
    },
    handle: async (deps, by, { body }) =>
      mapOk(await createApiKey(deps, by, body), ({ apiKey, value }) => ({
        apiKey: apiKeyView(apiKey, deps.clock.now()),
        value: value.expose(),
      })),
  }),
  defineRoute({
    id: 'listApiKeys',
    method: 'GET',
    path: '/api-keys',
    action: 'api_key.list',
    summary: "List REST keys: the caller's own; admins and auditors see all",
    query: queryShape<PageQuery & { readonly person?: string }>(listQuery({ person: personFilter })),
    response: listOf(apiKeySchema),
    find: async ({ stores }, { caller, query }) => {
      // Whoever may not see all keys asks for their own, and is refused when naming somebody else.
      const asked = query.person ?? (visibleGroups(caller) === undefined ? undefined : caller.id)
      const owner = asked === undefined ? undefined : ((await stores.people.find(asked))?.id ?? '')
      return ok({ resource: { type: 'api_key', name: '', owner: owner ?? '', exists: false }, subject: owner })
    },
    handle: async ({ stores, clock }, _by, { query }, owner) => {
      const page = await stores.apiKeys.list(owner === undefined ? {} : { person: owner }, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({
        items: items.map((key) => apiKeyView(key, clock.now())),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'revokeApiKey',
    method: 'POST',
    path: '/api-keys/:id/revoke',
    action: 'api_key.revoke',
    breakGlass: true,
    summary: 'End a REST key for good',
    body: bodyShape<OptionalReason>(optionalReasonSchema),
    response: apiKeySchema,
    find: async ({ stores }, { id }) => {
      const principal = await stores.apiKeys.find(id)
      if (principal === undefined) return missing('api_key', id)
      const { apiKey, person } = principal
      const facts = {
        type: 'api_key',
        id: apiKey.id,
        name: apiKey.name,
        owner: person.id,
        groups: person.groups,
        exists: true,
      }
      return ok({ resource: await resourceInGroups(stores, facts), subject: apiKey })
    },
    handle: async (deps, by, _request, { id }) =>
      mapOk(await revokeApiKey(deps, by, id), (key) => apiKeyView(key, deps.clock.now())),
  }),
]
