import { agentSchema, createAgentSchema, updateAgentSchema } from '../../domain/agents/agent.schema.ts'
import { approvalSchema, approvalSummarySchema } from '../../domain/approvals/approval.schema.ts'
import { createGroupSchema, groupSchema, updateGroupSchema } from '../../domain/groups/group.schema.ts'
import { createHostSchema, hostSchema, updateHostSchema } from '../../domain/hosts/host.schema.ts'
import { apiKeySchema, createApiKeySchema } from '../../domain/people/api-key.schema.ts'
import { createPersonSchema, personSchema, updatePersonSchema } from '../../domain/people/person.schema.ts'
import {
  createSecretSchema,
  secretSchema,
  secretVersionSchema,
  updateSecretSchema,
} from '../../domain/secrets/secret.schema.ts'
import { sessionSchema } from '../../domain/sessions/session.schema.ts'
import { createTokenSchema, tokenSchema } from '../../domain/tokens/token.schema.ts'
import { type FaultCode, faults } from '../../kernel/faults.ts'
import { eventSchema } from './event.schema.ts'
import { exampleOf } from './example-of.ts'
import { apiPrefix } from './routes.ts'
import type { Route } from './route.ts'

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'requestId'],
      properties: {
        code: { type: 'string', description: 'Stable, for programs' },
        message: { type: 'string', description: 'For people; says what to do where that is known' },
        requestId: { type: 'string', description: 'Names the request in the log' },
        details: {
          type: 'object',
          description: 'For example `problems` of a request, or the `decisionId` of a denial',
        },
      },
    },
  },
} as const

/** Schemas that get a name in the document; clients generated from it have a type for each. */
const named: { readonly [name: string]: object } = {
  Error: errorSchema,
  Group: groupSchema,
  CreateGroup: createGroupSchema,
  UpdateGroup: updateGroupSchema,
  Person: personSchema,
  CreatePerson: createPersonSchema,
  UpdatePerson: updatePersonSchema,
  ApiKey: apiKeySchema,
  CreateApiKey: createApiKeySchema,
  Agent: agentSchema,
  CreateAgent: createAgentSchema,
  UpdateAgent: updateAgentSchema,
  Token: tokenSchema,
  CreateToken: createTokenSchema,
  Secret: secretSchema,
  CreateSecret: createSecretSchema,
  UpdateSecret: updateSecretSchema,
  SecretVersion: secretVersionSchema,
  Host: hostSchema,
  CreateHost: createHostSchema,
  UpdateHost: updateHostSchema,
  Session: sessionSchema,
  Approval: approvalSchema,
  ApprovalSummary: approvalSummarySchema,
  AuditEvent: eventSchema,
}
const nameOf = new Map(Object.entries(named).map(([name, schema]) => [schema, name]))

/** The OpenAPI 3.1 document of the route table, from the very schemas that requests are checked with. */
export function openApiDocument(
  routes: readonly Route[],
  about: { readonly version: string; readonly url: string },
): object {
  const paths: { [path: string]: { [method: string]: object } } = {}
  for (const route of routes) {
    const path = `${apiPrefix}${route.path.replace(/:(\w+)/gu, '{$1}')}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'CertLocker MCP',
      version: about.version,
      description:
        'Every operation is decided by policy under its `x-certlocker-action`, and every change is on record.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: about.url }],
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key (`clk_api_…`) or the bootstrap admin key' },
      },
      schemas: Object.fromEntries(
        Object.entries(named).map(([name, schema]) => [name, withReferences(schema, schema)]),
      ),
    },
  }
}

function operation(route: Route): object {
  const { id, summary, action, breakGlass, status, contentType, otherContents, response, body, upload } = route
  const schema = withReferences(response)
  return {
    operationId: id,
    summary,
    tags: [route.path.split('/')[1]],
    security: [{ apiKey: [] }],
    'x-certlocker-action': action,
    'x-certlocker-break-glass': breakGlass,
    parameters: [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: (body.required ?? []).length > 0,
            content: { 'application/json': { schema: withReferences(body), example: exampleOf(body) } },
          },
        }),
    ...(upload === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { [upload.contentType]: { schema: { type: 'string', format: 'binary' } } },
          },
        }),
    responses: {
      [status]: {
        description: status === 201 ? 'Created' : 'Done',
        content: {
          [contentType]: { schema, example: exampleOf(response) },
          ...Object.fromEntries(otherContents.map(({ type, example }) => [type, { schema, example }])),
        },
      },
      ...refusals(route),
    },
  }
}

function pathParameters({ path }: Route): object[] {
  return [...path.matchAll(/:(\w+)/gu)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
    description: name === 'seq' ? 'Sequence number of an event' : 'Id, or the unique name where there is one',
  }))
}

function queryParameters({ query }: Route): object[] {
  return Object.entries(query.properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query.required?.includes(name) === true,
    schema,
    ...('description' in schema ? { description: schema.description } : {}),
  }))
}

function headerParameters({ method, onceShown }: Route): object[] {
  if (method === 'GET') return []
  const once = onceShown.length === 0 ? '' : `, without ${onceShown.join(', ')}`
  return [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      schema: { type: 'string', minLength: 1, maxLength: 255 },
      description: `The request takes effect at most once under this key within a day; repeated, it is given the first answer${once}`,
    },
  ]
}

/** Every refusal that the route may give, one response per status with an example per code. */
function refusals(route: Route): object {
  const codes = new Set<FaultCode>([
    ...(route.body === undefined ? [] : (['BODY_INVALID', 'BODY_TOO_LARGE'] as const)),
    'ARGUMENT_INVALID',
    'UNAUTHENTICATED',
    'ACCESS_DENIED',
    ...(route.path.includes(':') ? (['NOT_FOUND'] as const) : []),
    ...route.errors,
    ...(route.method === 'GET'
      ? []
      : (['IDEMPOTENCY_KEY_INVALID', 'IDEMPOTENCY_KEY_IN_USE', 'IDEMPOTENCY_KEY_REUSED'] as const)),
    'INTERNAL',
    'DATABASE_UNAVAILABLE',
    'GATEWAY_AUDIT_UNAVAILABLE',
  ])
  const statuses = new Set([...codes].map((code) => faults[code].http))
  return Object.fromEntries(
    [...statuses].map((status) => [status, refusal([...codes].filter((code) => faults[code].http === status))]),
  )
}

function refusal(codes: readonly FaultCode[]): object {
  const examples = codes.map((code) => [
    code,
    { value: { error: { code, message: faults[code].text, requestId: 'req_7h2kq9x0m4c8d1e5f6g3abt2n' } } },
  ])
  return {
    description: codes.map((code) => faults[code].text).join('; '),
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/Error' }, examples: Object.fromEntries(examples) },
    },
  }
}

/** The schema with every named schema inside it as a reference. @param self the one that is being defined */
function withReferences(schema: unknown, self?: object): unknown {
  if (Array.isArray(schema)) return schema.map((item: unknown) => withReferences(item))
  if (typeof schema !== 'object' || schema === null) return schema
  const name = schema === self ? undefined : nameOf.get(schema)
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value)]))
}
