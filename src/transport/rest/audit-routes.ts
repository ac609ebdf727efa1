import { type Author, changeEntry } from '../../domain/audit/author.ts'
import type { EventFilters } from '../../domain/audit/audit-store.ts'
import { type EventType, eventTypes } from '../../domain/audit/event.ts'
import { type ExportFormat, type ExportRequest, exportFormats, filtersView } from '../../domain/audit/export.ts'
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
import { defineRoute, Download, type Route } from './route.ts'
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

interface EventQuery {
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
type Selection = { readonly [Name in keyof EventQuery]: EventQuery[Name] }
type AuditQuery = Selection & PageQuery

const exportTypes = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  ocsf: 'application/x-ndjson',
} as const

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
    summary: 'Export the log, or the events that fit the filters; ndjson carries proofs for `certlocker audit verify`',
    contentType: 'application/x-ndjson',
    otherContents: [{ type: exportTypes.csv, example: 'seq,id,at,type,…\r\n' }],
    query: queryShape<Selection & { readonly agent?: string; readonly format: ExportFormat }>({
      type: 'object',
      additionalProperties: false,
      properties: {
        format: {
          enum: exportFormats,
          default: 'ndjson',
          description:
            '`csv` (RFC 4180) and `ocsf` (OCSF 1.9, one API Activity a line) are for other tools, without proofs',
          examples: ['ndjson'],
        },
        agent: agentFilter,
        ...eventFilters,
      },
    }),
    response: {
      type: 'string',
      description:
        'ndjson: a header, events with leaf hash, inputs and decisions, and signed checkpoints, or with filters a proof for each event',
      examples: ['{"type":"certlocker.audit-export/v1",…}\n'],
    },
    handle: async (deps, by, { query: { format, agent, ...selection } }) => {
      const filters = {
        ...filtersOf(selection),
        ...(agent === undefined ? {} : { agentId: await agentId(deps.stores, agent) }),
      }
      const recorded = await recordExport(deps, by, { format, filters })
      if (!recorded.ok) return recorded
      return mapOk(await deps.audit.export({ format, filters }), (texts) => new Download(texts, exportTypes[format]))
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
}: Selection & Partial<PageQuery>): EventFilters {
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

/** Before a line leaves, the log says to whom it goes and which events; a whole export holds that event too. */
async function recordExport({ inTransaction }: RestDeps, by: Author, { format, filters }: ExportRequest) {
  return inTransaction(async (work) => {
    work.record(
      changeEntry(by, {
        type: 'AUDIT_EXPORTED',
        resource: { type: 'audit', id: null, name: 'audit', groups: [], environment: '', version: null },
        details: { format, filters: filtersView(filters) },
      }),
    )
    return ok(undefined)
  })
}
