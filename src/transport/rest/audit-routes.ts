import { Readable } from 'node:stream'
import { type Author, changeEntry } from '../../domain/audit/author.ts'
import type { EventFilters } from '../../domain/audit/audit-store.ts'
import { type EventType, eventTypes } from '../../domain/audit/event.ts'
import type { Stores } from '../../domain/stores.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { type Environment, environments } from '../../kernel/vocabulary.ts'
import { findAgent } from './agent-routes.ts'
import { checkpointSchema, proofSchema, verificationSchema } from './audit.schema.ts'
import { eventSchema, outcomes } from './event.schema.ts'
import { agentFilter, listOf, listQuery, type PageQuery, pageOf, pageParameters, reference } from './list.ts'
import { mapOk } from './map-ok.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, type Route } from './route.ts'
import { queryShape } from './validate.ts'

const sessionFilter = {
  ...reference,
  description: 'Id of a session',
  examples: ['ses_7h2kq9x0m4c8d1e5f6g3abt2n'],
} as const
const time = { type: 'string', format: 'date-time', maxLength: 40, examples: ['2026-03-01T09:30:00.000Z'] } as const

/** The filters of events, apart from whom they concern. */
const eventFilters = {
  session: sessionFilter,
  resource: { ...reference, description: 'Id or name of what the event is about', examples: ['prod-db-password'] },
  environment: { enum: environments, description: 'Of the resource', examples: ['production'] },
  type: { enum: eventTypes, description: 'Type of the event', examples: ['AI_AGENT_POLICY_DENIED'] },
  outcome: { enum: outcomes, description: 'How it ended', examples: ['deny'] },
  from: { ...time, description: 'The first moment, inclusive' },
  to: { ...time, description: 'The last moment, exclusive' },
  q: {
    type: 'string',
    minLength: 1,
    maxLength: 256,
    description: 'Part of the event as JSON text, in any case',
    examples: ['db-password'],
  },
  afterSeq: {
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'Only events after this one',
    examples: [0],
  },
} as const

interface EventQuery extends PageQuery {
  readonly session?: string
  readonly resource?: string
  readonly environment?: Environment
  readonly type?: EventType
  readonly outcome?: (typeof outcomes)[number]
  readonly from?: string
  readonly to?: string
  readonly q?: string
  readonly afterSeq?: number
}
type AuditQuery = { readonly [Name in keyof EventQuery]: EventQuery[Name] }

export const auditRoutes: readonly Route[] = [
  defineRoute({
    id: 'listAuditEvents',
    method: 'GET',
    path: '/audit',
    action: 'audit.read',
    summary: 'Search the audit log, newest first',
    query: queryShape<AuditQuery & { readonly agent?: string }>(listQuery({ agent: agentFilter, ...eventFilters })),
    response: listOf(eventSchema),
    handle: async ({ audit, stores }, _by, { query }) => {
      const agent = query.agent === undefined ? {} : { agentId: await agentId(stores, query.agent) }
      return audit.store.list({ filters: { ...filtersOf(query), ...agent }, ...pageOf(query) })
    },
  }),
  defineRoute({
    id: 'listAgentAudit',
    method: 'GET',
    path: '/agents/:id/audit',
    action: 'audit.read',
    summary: 'Search what an agent did and what was done to it, newest first',
    query: queryShape<AuditQuery>(listQuery(eventFilters)),
    response: listOf(eventSchema),
    find: (deps, { id }) => findAgent(deps, id),
    handle: ({ audit }, _by, { query }, agent) =>
      audit.store.list({ filters: { ...filtersOf(query), agentId: agent.id }, ...pageOf(query) }),
  }),
  defineRoute({
    id: 'listAgentHistory',
    method: 'GET',
    path: '/agents/:id/history',
    action: 'agent.read',
    summary: 'Show how an agent and its tokens changed, with before and after, newest first',
    query: queryShape<PageQuery>(listQuery()),
    response: listOf(eventSchema),
    find: (deps, { id }) => findAgent(deps, id),
    handle: ({ audit }, _by, { query }, agent) =>
      audit.store.list({ filters: { agentId: agent.id, types: changesOfAgent }, ...pageOf(query) }),
  }),
  defineRoute({
    id: 'exportAudit',
    method: 'GET',
    path: '/audit/export',
    action: 'audit.export',
    summary: 'Export the whole log with its proofs; `certlocker audit verify FILE --key PEM` verifies it offline',
    contentType: 'application/x-ndjson',
    response: {
      type: 'string',
      description: 'One JSON document per line: a header, events with inputs and decisions, signed checkpoints',
      examples: ['{"type":"certlocker.audit-export/v1",…}\n'],
    },
    handle: async (deps, by) => {
      const recorded = await recordExport(deps, by)
      return recorded.ok
        ? mapOk(await deps.audit.export(), (lines) => Readable.from(terminated(lines), { objectMode: false }))
        : recorded
    },
  }),
  defineRoute({
    id: 'listCheckpoints',
    method: 'GET',
    path: '/audit/checkpoints',
    action: 'audit.read',
    summary: 'List signed checkpoints, newest first',
    query: queryShape<Pick<PageQuery, 'limit' | 'cursor'>>({
      type: 'object',
      additionalProperties: false,
      properties: { limit: pageParameters.limit, cursor: pageParameters.cursor },
    }),
    response: listOf(checkpointSchema),
    handle: async ({ audit }, _by, { query }) =>
      mapOk(await audit.store.checkpoints(query.limit, query.cursor), ({ items, nextCursor }) => ({
        items: items.map(({ size, root, note, keyId, at }) => ({
          size,
          root: root.toString('hex'),
          note,
          keyId,
          at: at.toISOString(),
        })),
        nextCursor,
      })),
  }),
  defineRoute({
    id: 'getAuditKey',
    method: 'GET',
    path: '/audit/key',
    action: 'audit.read',
    summary: 'Show the public key that verifies checkpoints (SPKI, PEM)',
    contentType: 'application/x-pem-file',
    response: { type: 'string', description: 'PEM', examples: ['-----BEGIN PUBLIC KEY-----\n…'] },
    handle: async ({ audit }) => ok(audit.publicPem),
  }),
  defineRoute({
    id: 'getInclusionProof',
    method: 'GET',
    path: '/audit/proof/:seq',
    action: 'audit.read',
    summary: 'Prove that an event is in the log of a signed checkpoint',
    response: proofSchema,
    errors: ['NOT_FOUND'],
    handle: async ({ audit }, _by, { id }) =>
      /^[1-9]\d{0,14}$/.test(id)
        ? audit.proofs.inclusion(Number(id))
        : err(fault('NOT_FOUND', { message: 'Sequence numbers are whole numbers from 1' })),
  }),
  defineRoute({
    id: 'verifyAudit',
    method: 'GET',
    path: '/audit/verify',
    action: 'audit.verify',
    summary: 'Verify the whole log: every event, column and checkpoint',
    response: verificationSchema,
    handle: async ({ audit }) => ok(await audit.verify()),
  }),
]

/** Changes of an agent and of its tokens; each has `before` and `after` in its details. */
const changesOfAgent = eventTypes.filter((type) => /^(?:AGENT|MCP_TOKEN)_/u.test(type))

function filtersOf({
  session,
  from,
  to,
  limit: _limit,
  order: _order,
  cursor: _cursor,
  ...same
}: AuditQuery): EventFilters {
  return {
    ...same,
    ...(session === undefined ? {} : { sessionId: session }),
    ...(from === undefined ? {} : { from: new Date(from) }),
    ...(to === undefined ? {} : { to: new Date(to) }),
  }
}

/** Whoever is no agent has no events: the text itself is looked for then, and nothing is found. */
async function agentId({ agents }: Stores, idOrName: string): Promise<string> {
  return (await agents.find(idOrName))?.id ?? idOrName
}

/** Before a line leaves, the log says to whom it goes; the export holds that event too. */
async function recordExport({ inTransaction }: RestDeps, by: Author) {
  return inTransaction(async (work) => {
    work.record(
      changeEntry(by, {
        type: 'AUDIT_EXPORTED',
        resource: { type: 'audit', id: null, name: 'audit', groups: [], environment: '', version: null },
        details: {},
      }),
    )
    return ok(undefined)
  })
}

async function* terminated(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`
}
