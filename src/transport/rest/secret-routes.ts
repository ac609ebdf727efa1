import { addSecretVersion } from '../../domain/secrets/add-secret-version.ts'
import { createSecret } from '../../domain/secrets/create-secret.ts'
import { deleteSecret } from '../../domain/secrets/delete-secret.ts'
import { restoreSecret } from '../../domain/secrets/restore-secret.ts'
import { revealSecret } from '../../domain/secrets/reveal-secret.ts'
import { type SecretKind, secretVersionView, secretView } from '../../domain/secrets/secret.ts'
import {
  addSecretVersionSchema,
  type CreateSecret,
  createSecretSchema,
  restoreSecretSchema,
  revealSecretSchema,
  secretKinds,
  secretSchema,
  secretVersionSchema,
  type UpdateSecret,
  updateSecretSchema,
} from '../../domain/secrets/secret.schema.ts'
import { updateSecret } from '../../domain/secrets/update-secret.ts'
import { ok } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const revealedSecretSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'version', 'value'],
  properties: {
    name: secretSchema.properties.name,
    version: secretSchema.properties.version,
    value: createSecretSchema.properties.value,
  },
} as const

const kindFilter = { enum: secretKinds, description: 'Only shared or only private ones', examples: ['shared'] } as const

const storeErrors = ['SECRET_STORE_UNAVAILABLE', 'SECRET_STORE_REFUSED'] as const

type SecretQuery = PageQuery & { readonly kind?: SecretKind; readonly group?: string }

export const secretRoutes: readonly Route[] = [
  defineRoute({
    id: 'createSecret',
    method: 'POST',
    path: '/secrets',
    action: 'secret.create',
    summary: 'Store a secret, with its version 0, or take over an entry of Vault',
    status: 201,
    body: bodyShape<CreateSecret>(createSecretSchema),
    response: secretSchema,
    errors: ['NAME_TAKEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'STATE_CONFLICT', ...storeErrors],
    find: async ({ stores }, { body }) => {
      const { name, kind = 'shared', disclosure = 'raw', owner: asked } = body
      const owner = asked === undefined ? '' : ((await stores.people.find(asked))?.id ?? '')
      return ok({
        resource: await resourceInGroups(
          stores,
          { type: 'secret', name, kind, disclosure, owner, exists: false },
          body.groups,
        ),
        subject: undefined,
      })
    },
    handle: async (deps, by, { body }) => mapOk(await createSecret(deps, by, body), secretView),
  }),
  defineRoute({
    id: 'listSecrets',
    method: 'GET',
    path: '/secrets',
    action: 'secret.list',
    summary:
      "List secrets in the groups of the caller, and the caller's private ones; never a value. Admins and auditors see all",
    query: queryShape<SecretQuery>(listQuery({ kind: kindFilter, group: groupFilter })),
    response: listOf(secretSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const { kind, group } = query
      const filter = {
        ...(await groupsToList(stores, caller, group)),
        ...(group === undefined ? { ownerId: caller.id } : {}),
        ...(kind === undefined ? {} : { kind }),
      }
      return mapOk(await stores.secrets.list(filter, pageOf(query)), ({ items, nextCursor }) => ({
        items: items.map(secretView),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'getSecret',
    method: 'GET',
    path: '/secrets/:name',
    action: 'secret.read_metadata',
    summary: 'Show what is known about a secret, never its value',
    response: secretSchema,
    find: (deps, { id }) => findSecret(deps, id),
    handle: async (_deps, _by, _request, secret) => ok(secretView(secret)),
  }),
  defineRoute({
    id: 'updateSecret',
    method: 'PATCH',
    path: '/secrets/:name',
    action: 'secret.update',
    summary: 'Change what is known about a secret; its value has versions of its own',
    body: bodyShape<UpdateSecret>(updateSecretSchema),
    response: secretSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: (deps, { id, body }) => findSecret(deps, id, body.groups),
    handle: async (deps, by, { body }, secret) => mapOk(await updateSecret(deps, by, secret.id, body), secretView),
  }),
  defineRoute({
    id: 'deleteSecret',
    method: 'DELETE',
    path: '/secrets/:name',
    action: 'secret.delete',
    summary: 'Take a secret out of use; its name is free again',
    response: secretSchema,
    find: (deps, { id }) => findSecret(deps, id),
    handle: async (deps, by, _request, secret) => mapOk(await deleteSecret(deps, by, secret.id), secretView),
  }),
  defineRoute({
    id: 'addSecretVersion',
    method: 'POST',
    path: '/secrets/:name/versions',
    action: 'secret.update',
    summary: 'Give a secret a new value, as its next version',
    status: 201,
    body: bodyShape<{ readonly value: string }>(addSecretVersionSchema),
    response: secretSchema,
    errors: storeErrors,
    find: (deps, { id }) => findSecret(deps, id),
    handle: async (deps, by, { body }, secret) =>
      mapOk(await addSecretVersion(versionDeps(deps), by, secret.id, body.value), secretView),
  }),
  defineRoute({
    id: 'listSecretVersions',
    method: 'GET',
    path: '/secrets/:name/versions',
    action: 'secret.list_versions',
    summary: 'List the versions of a secret, never a value',
    query: queryShape<PageQuery>(listQuery()),
    response: listOf(secretVersionSchema),
    find: (deps, { id }) => findSecret(deps, id),
    handle: async ({ stores }, _by, { query }, secret) => {
      const page = await stores.secrets.listVersions(secret.id, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(secretVersionView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'restoreSecret',
    method: 'POST',
    path: '/secrets/:name/restore',
    action: 'secret.restore',
    summary: 'Make an older version current again, as a new version',
    body: bodyShape<{ readonly version: number }>(restoreSecretSchema),
    response: secretSchema,
    errors: ['VERSION_UNKNOWN', ...storeErrors, 'SECRET_VALUE_MISSING', 'SECRET_VALUE_DAMAGED'],
    find: (deps, { id }) => findSecret(deps, id),
    handle: async (deps, by, { body }, secret) =>
      mapOk(await restoreSecret(versionDeps(deps), by, secret.id, body.version), secretView),
  }),
  defineRoute({
    id: 'revealSecret',
    method: 'POST',
    path: '/secrets/:name/reveal',
    action: 'secret.reveal',
    summary: 'Show a value to a person; that it was shown is in the log before it is',
    body: bodyShape<{ readonly version?: number }>(revealSecretSchema),
    response: revealedSecretSchema,
    onceShown: ['value'],
    errors: [
      'VERSION_UNKNOWN',
      'GATEWAY_RESOURCE_CHANGED',
      ...storeErrors,
      'SECRET_VALUE_MISSING',
      'SECRET_VALUE_DAMAGED',
    ],
    find: (deps, { id }) => findSecret(deps, id),
    handle: async (deps, by, { body }, secret) => {
      const revealed = await revealSecret(versionDeps(deps), by, secret, body.version)
      return mapOk(revealed, ({ name, version, value }) => ({ name, version, value: value.expose() }))
    },
  }),
]

async function findSecret({ stores }: RestDeps, id: string, asked: readonly string[] = []) {
  const secret = await stores.secrets.find(id)
  if (secret === undefined) return missing('secret', id)
  const { name, kind, groups, disclosure, currentVersion: version } = secret
  const facts = {
    type: 'secret',
    id: secret.id,
    name,
    kind,
    groups,
    disclosure,
    version,
    owner: secret.ownerId ?? '',
    exists: true,
  }
  return ok({ resource: await resourceInGroups(stores, facts, asked), subject: secret })
}

function versionDeps(deps: RestDeps) {
  return { ...deps, secrets: deps.stores.secrets }
}
