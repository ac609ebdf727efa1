import { agentAccess } from '../../gateway/access/agent-access.ts'
import { exposedSecrets } from '../../gateway/access/exposed-secrets.ts'
import {
  type RegisteredType,
  registeredCertificate,
  registeredHost,
  registeredSecret,
} from '../../gateway/access/registered.ts'
import { resourceAccess } from '../../gateway/access/resource-access.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { type Environment, environments } from '../../kernel/vocabulary.ts'
import { agentAccessSchema, exposureSchema, resourceAccessSchema } from './access.schema.ts'
import { findAgent } from './agent-routes.ts'
import { bootstrapAdmin } from './authenticate.ts'
import { listOf, type PageQuery, pageParameters, reference, visibleGroups } from './list.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { type ObjectSchema, queryShape } from './validate.ts'

type PartQuery = Pick<PageQuery, 'limit' | 'cursor'>

interface AccessQuery extends PartQuery {
  readonly resource?: string
  readonly type?: RegisteredType
  readonly environment?: Environment
}

export const accessRoutes: readonly Route[] = [
  defineRoute({
    id: 'listAccess',
    method: 'GET',
    path: '/access',
    action: 'access.read',
    summary: 'Show which people and agents can reach a resource or an environment, by which path and with which effect',
    query: queryShape<{ readonly [Name in keyof AccessQuery]: AccessQuery[Name] }>(
      partQuery({
        resource: { ...reference, description: 'Id or name of a secret or host', examples: ['prod-db-password'] },
        type: { enum: ['certificate', 'host', 'secret'], description: 'Which, where several share the name' },
        environment: { enum: environments, description: 'Everything of that environment' },
      }),
    ),
    response: listOf(resourceAccessSchema),
    errors: ['NOT_FOUND'],
    find: async (deps, { query }) => {
      if (query.resource === undefined)
        return ok({ resource: { type: '', name: '', exists: false }, subject: undefined })
      const found = await findRegistered(deps, query.resource, query.type)
      return found === undefined
        ? missing(query.type ?? 'resource', query.resource)
        : ok({ resource: found.input, subject: found })
    },
    handle: async (deps, _by, { caller, query }, subject) => {
      const { environment, limit, cursor } = query
      const builtIn = bootstrapAdmin({ id: '', traceparent: null, clientIp: '' })
      if (subject !== undefined && environment === undefined)
        return resourceAccess(deps, builtIn, { resource: subject }, { limit, cursor })
      if (subject === undefined && environment !== undefined)
        return resourceAccess(deps, builtIn, { environment, visible: visibleGroups(caller) }, { limit, cursor })
      return err(fault('ARGUMENT_INVALID', { message: 'Ask with either resource or environment' }))
    },
  }),
  defineRoute({
    id: 'listAgentAccess',
    method: 'GET',
    path: '/agents/:id/access',
    action: 'access.read',
    summary: 'Show everything an agent could do now, and why',
    query: queryShape<PartQuery>(partQuery({})),
    response: listOf(agentAccessSchema),
    find: (deps, { id }) => findAgent(deps, id),
    handle: (deps, _by, { caller, query: { limit, cursor } }, agent) => {
      const visible = visibleGroups(caller)
      const showsPrivate = visible === undefined || caller.id === agent.ownerId
      return agentAccess(deps, { agent, visible, showsPrivate }, { limit, cursor })
    },
  }),
  defineRoute({
    id: 'listAgentExposure',
    method: 'GET',
    path: '/agents/:id/exposure',
    action: 'access.read',
    summary: 'List the secret versions that an agent has read: what to rotate',
    query: queryShape<PartQuery>(partQuery({})),
    response: listOf(exposureSchema),
    find: (deps, { id }) => findAgent(deps, id),
    handle: ({ audit, stores }, _by, { caller, query }, agent) => {
      const visible = visibleGroups(caller)
      return exposedSecrets(
        { exposures: audit.exposures, secrets: stores.secrets },
        {
          agentId: agent.id,
          isVisible: (secret) =>
            visible === undefined ||
            (secret !== undefined &&
              (secret.ownerId === null
                ? secret.groups.some((group) => visible.includes(group))
                : secret.ownerId === caller.id)),
        },
        query,
      )
    },
  }),
]

/** A list in an order of its own. */
function partQuery(filters: ObjectSchema['properties']): ObjectSchema {
  const { limit, cursor } = pageParameters
  return { type: 'object', additionalProperties: false, properties: { ...filters, limit, cursor } }
}

async function findRegistered({ stores }: RestDeps, idOrName: string, type: RegisteredType | undefined) {
  const isWanted = (one: RegisteredType): boolean => type === undefined || type === one
  const secret = isWanted('secret') ? await stores.secrets.find(idOrName) : undefined
  if (secret !== undefined) return registeredSecret(secret)
  const host = isWanted('host') ? await stores.hosts.find(idOrName) : undefined
  if (host !== undefined) return registeredHost(host)
  const certificate = isWanted('certificate') ? await stores.certificates.find(idOrName) : undefined
  return certificate && registeredCertificate(certificate)
}
