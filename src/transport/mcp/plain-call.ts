import type { IncomingHttpHeaders } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { FromSchema } from 'json-schema-to-ts'
import { idempotencyKeyName } from '../../gateway/idempotency-key.ts'
import type { Tool } from '../../gateway/tool.ts'
import { handshakeRevisions } from './message.ts'

const META = 'io.modelcontextprotocol/'
const MODERN = '2026-07-28'

const text = { type: 'string' } as const
const meta = {
  type: 'object',
  additionalProperties: false,
  required: [`${META}protocolVersion`, `${META}clientCapabilities`],
  properties: {
    [`${META}protocolVersion`]: { const: MODERN },
    [`${META}clientInfo`]: {
      type: 'object',
      additionalProperties: false,
      required: ['name', 'version'],
      properties: { name: text, version: text },
    },
    [`${META}clientCapabilities`]: { type: 'object', additionalProperties: false },
    [idempotencyKeyName]: text,
  },
} as const
const handshakeMeta = {
  type: 'object',
  additionalProperties: false,
  properties: { [idempotencyKeyName]: text },
} as const

const request = {
  type: 'object',
  additionalProperties: false,
  required: ['jsonrpc', 'id', 'method', 'params'],
  properties: {
    jsonrpc: { const: '2.0' },
    id: { type: ['string', 'integer'] },
    method: { const: 'tools/call' },
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['name'],
      properties: { name: text, arguments: { type: 'object' }, _meta: { type: 'object' } },
    },
  },
} as const

type PlainRequest = FromSchema<typeof request>

const ajv = new Ajv2020({ allowUnionTypes: true })
const isRequest = ajv.compile<PlainRequest>(request)
const isModernMeta = ajv.compile(meta)
const isHandshakeMeta = ajv.compile(handshakeMeta)

/**
 * A call that says nothing but its tool, its arguments and perhaps an idempotency key, in exactly the form the specification
 * gives as the usual one.
 */
export interface PlainCall {
  readonly era: 'modern' | 'handshake'
  readonly id: string | number
  readonly tool: Tool
  readonly arguments: object
  /** A text, or undefined. */
  readonly idempotencyKey: unknown
}

/**
 * Recognises a `tools/call` of a known tool that needs nothing of the protocol but its answer: no progress token, no
 * extension, no client capability, every required header present and equal to the body. Whatever is the least bit
 * different (and every error) is the SDK's. A test compares both on the same requests, in every era.
 */
export function plainCall(
  headers: IncomingHttpHeaders,
  body: unknown,
  tools: ReadonlyMap<string, Tool>,
): PlainCall | undefined {
  if (headers['content-type'] !== 'application/json' || !acceptsBoth(headers.accept ?? '')) return undefined
  if (!isRequest(body)) return undefined
  const { id, params } = body
  const era = eraOf(headers, params)
  const tool = tools.get(params.name)
  if (era === undefined || tool === undefined || (typeof id === 'number' && !Number.isSafeInteger(id))) return undefined
  return { era, id, tool, arguments: params.arguments ?? {}, idempotencyKey: params._meta?.[idempotencyKeyName] }
}

function eraOf(headers: IncomingHttpHeaders, { name, _meta }: PlainRequest['params']): PlainCall['era'] | undefined {
  const version = headers['mcp-protocol-version']
  if (version === MODERN) {
    const isMirrored = headers['mcp-method'] === 'tools/call' && headers['mcp-name'] === name
    return isMirrored && isModernMeta(_meta) ? 'modern' : undefined
  }
  const isHandshake = typeof version === 'string' && handshakeRevisions.includes(version)
  const isBare = _meta === undefined || isHandshakeMeta(_meta)
  return isHandshake && isBare && headers['mcp-method'] === undefined ? 'handshake' : undefined
}

function acceptsBoth(accept: string): boolean {
  return accept.includes('application/json') && accept.includes('text/event-stream')
}
