import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentCaller } from '../../src/gateway/caller.ts'
import type { Guard } from '../../src/gateway/guard.ts'
import type { Outcome } from '../../src/gateway/outcome.ts'
import { defineTool } from '../../src/gateway/tool.ts'
import { ok } from '../../src/kernel/result.ts'
import { createHandler } from '../../src/transport/mcp/handler.ts'
import type { Handler } from '../../src/transport/mcp/handler-types.ts'
import { plainCall } from '../../src/transport/mcp/plain-call.ts'
import { createSdkHandler } from '../../src/transport/mcp/sdk-handler.ts'
import { fuzzing } from '../support/fuzzing.ts'
import { mutantOf } from '../support/hostile-json.ts'
import { silentLog } from '../support/silent-log.ts'
import { tokenFacts } from '../support/token-facts.ts'

const tool = defineTool<{ name: string }, { echo: string }>({
  name: 'certlocker_echo',
  title: 'Echo',
  description: 'Says its name',
  action: 'test.echo',
  scopes: ['audit:write'],
  readOnly: true,
  arguments: {
    type: 'object',
    properties: { name: { type: 'string' } },
    required: ['name'],
    additionalProperties: false,
  },
  result: { type: 'object', properties: { echo: { type: 'string' } }, required: ['echo'], additionalProperties: false },
  run: async ({ arguments: { name } }) => ok({ echo: name }),
})

const trace = { requestId: 'req_1', decisionId: 'dec_1' }
const outcomes: Readonly<Record<string, Outcome>> = {
  ok: { ...trace, status: 'ok', result: { echo: 'grüße \u2028 "quoted" \n 🎉' } },
  denied: { ...trace, status: 'denied', code: 'GROUP_MISMATCH', message: 'Access denied. No' },
  failed: { ...trace, status: 'failed', code: 'VERSION_UNKNOWN', message: 'No such version' },
  approval: {
    ...trace,
    status: 'approval_required',
    code: 'APPROVAL_PRODUCTION',
    message: 'Wait',
    approvalId: 'apr_1',
    expiresAt: '2026-01-01T00:00:00.000Z',
    retryAfterMs: 5000,
  },
  bug: { ...trace, status: 'failed', code: 'INTERNAL', message: 'boom' },
}

/** The guard's part is played by a table: this test is about what goes over the wire for each outcome. */
const guard: Guard = {
  call: async (_caller, _tool, { arguments: raw, idempotencyKey }) => {
    const name = typeof raw === 'object' && raw !== null && 'name' in raw ? String(raw.name) : ''
    const wanted = Object.hasOwn(outcomes, name) ? outcomes[name] : undefined
    if (idempotencyKey !== undefined)
      return {
        ...trace,
        status: 'ok',
        result: { echo: `key ${typeof idempotencyKey === 'string' ? idempotencyKey : 'that is no text'}` },
      }
    return (
      wanted ?? {
        ...trace,
        status: 'failed',
        code: 'ARGUMENT_INVALID',
        message: 'arguments must have name',
        decisionId: null,
      }
    )
  },
  propose: () => Promise.reject(new Error('no call of this test is proposed')),
}
const caller: AgentCaller = {
  standing: {
    token: tokenFacts(),
    agent: {
      id: 'agt_1',
      name: 'agent',
      description: '',
      ownerId: 'per_1',
      owner: 'o@example.com',
      riskLevel: 'low',
      scopes: [],
      groups: [],
      status: 'active',
      createdAt: new Date(0),
      createdBy: '',
    },
    ownerDisabled: false,
    killed: false,
    effectiveScopes: ['audit:write'],
    effectiveGroups: [],
  },
  epoch: 0,
  session: { id: 'ses_1', startedAtMs: 0, launcher: null },
  client: { name: 'test', version: '1', protocol: '' },
  request: { id: 'req_1', traceparent: null, clientIp: '127.0.0.1' },
}

const fuzz = fuzzing(200)
const META = 'io.modelcontextprotocol/'
const meta = {
  [`${META}protocolVersion`]: '2026-07-28',
  [`${META}clientInfo`]: { name: 'c', version: '1' },
  [`${META}clientCapabilities`]: {},
}
const both = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const modern = {
  ...both,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'certlocker_echo',
}

interface Case {
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  /** Whether the direct path answers it; otherwise the SDK does. */
  readonly plain: boolean
}

const call = (params: object, more: object = {}) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params, ...more })
const named = (name: string) => ({ name: 'certlocker_echo', arguments: { name } })

const cases: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    Object.keys(outcomes).flatMap((name) => [
      [`modern, ${name}`, { headers: modern, body: call({ ...named(name), _meta: meta }), plain: true }],
      ...['2025-11-25', '2025-06-18', '2025-03-26'].map((version) => [
        `${version}, ${name}`,
        { headers: { ...both, 'mcp-protocol-version': version }, body: call(named(name)), plain: true },
      ]),
    ]),
  ),
  'text id': { headers: modern, body: call({ ...named('ok'), _meta: meta }, { id: 'abc' }), plain: true },
  'no arguments': { headers: modern, body: call({ name: 'certlocker_echo', _meta: meta }), plain: true },
  'handshake, no arguments': {
    headers: { ...both, 'mcp-protocol-version': '2025-11-25' },
    body: call({ name: 'certlocker_echo' }),
    plain: true,
  },
  'without client info': {
    headers: modern,
    body: call({
      ...named('ok'),
      _meta: { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: {} },
    }),
    plain: true,
  },
  'with an idempotency key': {
    headers: modern,
    body: call({ ...named('ok'), _meta: { ...meta, 'certlocker/idempotencyKey': 'k-1' } }),
    plain: true,
  },
  'handshake with an idempotency key': {
    headers: { ...both, 'mcp-protocol-version': '2025-11-25' },
    body: call({ ...named('ok'), _meta: { 'certlocker/idempotencyKey': 'k-1' } }),
    plain: true,
  },
  'handshake with an empty envelope': {
    headers: { ...both, 'mcp-protocol-version': '2025-06-18' },
    body: call({ ...named('ok'), _meta: {} }),
    plain: true,
  },
  'with an idempotency key that is no text': {
    headers: modern,
    body: call({ ...named('ok'), _meta: { ...meta, 'certlocker/idempotencyKey': { a: 1 } } }),
    plain: false,
  },
  'with an idempotency key and a progress token': {
    headers: { ...both, 'mcp-protocol-version': '2025-11-25' },
    body: call({ ...named('ok'), _meta: { 'certlocker/idempotencyKey': 'k-1', progressToken: 1 } }),
    plain: false,
  },
  'with a capability': {
    headers: modern,
    body: call({ ...named('ok'), _meta: { ...meta, [`${META}clientCapabilities`]: { elicitation: {} } } }),
    plain: false,
  },
  'with a progress token': {
    headers: modern,
    body: call({ ...named('ok'), _meta: { ...meta, progressToken: 1 } }),
    plain: false,
  },
  'handshake with a progress token': {
    headers: { ...both, 'mcp-protocol-version': '2025-11-25' },
    body: call({ ...named('ok'), _meta: { progressToken: 1 } }),
    plain: false,
  },
  'unknown tool': {
    headers: { ...modern, 'mcp-name': 'nope' },
    body: call({ name: 'nope', _meta: meta }),
    plain: false,
  },
  'unknown tool, handshake': {
    headers: { ...both, 'mcp-protocol-version': '2025-11-25' },
    body: call({ name: 'nope' }),
    plain: false,
  },
  'tool named constructor': {
    headers: { ...modern, 'mcp-name': 'constructor' },
    body: call({ name: 'constructor', _meta: meta }),
    plain: false,
  },
  'name header missing': {
    headers: { ...both, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' },
    body: call({ ...named('ok'), _meta: meta }),
    plain: false,
  },
  'name header of another tool': {
    headers: { ...modern, 'mcp-name': 'other' },
    body: call({ ...named('ok'), _meta: meta }),
    plain: false,
  },
  'method header of another method': {
    headers: { ...modern, 'mcp-method': 'tools/list' },
    body: call({ ...named('ok'), _meta: meta }),
    plain: false,
  },
  'version header of another revision': {
    headers: { ...modern, 'mcp-protocol-version': '2025-11-25' },
    body: call({ ...named('ok'), _meta: meta }),
    plain: false,
  },
  'version header missing': { headers: both, body: call({ ...named('ok'), _meta: meta }), plain: false },
  'unsupported revision': {
    headers: { ...modern, 'mcp-protocol-version': '2027-01-01' },
    body: call({ ...named('ok'), _meta: { ...meta, [`${META}protocolVersion`]: '2027-01-01' } }),
    plain: false,
  },
  'modern header without envelope': { headers: modern, body: call(named('ok')), plain: false },
  'arguments that are no object': {
    headers: modern,
    body: call({ name: 'certlocker_echo', arguments: [1], _meta: meta }),
    plain: false,
  },
  'arguments null': {
    headers: modern,
    body: call({ name: 'certlocker_echo', arguments: null, _meta: meta }),
    plain: false,
  },
  'name that is no text': { headers: modern, body: call({ name: 7, _meta: meta }), plain: false },
  'further member in params': { headers: modern, body: call({ ...named('ok'), task: {}, _meta: meta }), plain: false },
  'further member in the message': {
    headers: modern,
    body: call({ ...named('ok'), _meta: meta }, { extra: true }),
    plain: false,
  },
  'wrong jsonrpc': {
    headers: modern,
    body: { ...call({ ...named('ok'), _meta: meta }), jsonrpc: '1.0' },
    plain: false,
  },
  'id null': { headers: modern, body: call({ ...named('ok'), _meta: meta }, { id: null }), plain: false },
  'id a fraction': { headers: modern, body: call({ ...named('ok'), _meta: meta }, { id: 1.5 }), plain: false },
  notification: {
    headers: modern,
    body: { jsonrpc: '2.0', method: 'tools/call', params: { ...named('ok'), _meta: meta } },
    plain: false,
  },
  batch: { headers: { ...both, 'mcp-protocol-version': '2025-03-26' }, body: [call(named('ok'))], plain: false },
  'accepts only JSON, handshake': {
    headers: { ...both, accept: 'application/json', 'mcp-protocol-version': '2025-11-25' },
    body: call(named('ok')),
    plain: false,
  },
  'another content type': {
    headers: { ...modern, 'content-type': 'text/plain' },
    body: call({ ...named('ok'), _meta: meta }),
    plain: false,
  },
  'a list': {
    headers: { ...modern, 'mcp-method': 'tools/list' },
    body: { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } },
    plain: false,
  },
}

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly cache: string | null
  readonly text: string
}

describe('a tools/call is answered as the official SDK answers it', () => {
  const deps = {
    guard,
    catalog: [tool],
    serverInfo: { name: 'certlocker', title: 'CertLocker MCP', version: '1' },
    log: silentLog,
  }
  let ours: Served
  let sdk: Served
  beforeAll(async () => {
    ours = await serve(createHandler(deps))
    sdk = await serve(createSdkHandler(deps))
  })
  afterAll(() => {
    ours.server.close()
    sdk.server.close()
  })

  test.each(['with an idempotency key', 'with an idempotency key and a progress token'])(
    'and the key reaches the guard on either way: %s',
    async (name) => {
      const { headers, body } = cases[name] ?? { headers: {}, body: {} }
      for (const { url } of [ours, sdk]) expect((await ask(url, headers, body)).text).toContain('key k-1')
    },
  )

  test.each(Object.entries(cases))('%s', async (_name, { headers, body, plain }) => {
    expect(plainCall(headers satisfies IncomingHttpHeaders, body, new Map([[tool.name, tool]])) !== undefined).toBe(
      plain,
    )
    expect(await ask(ours.url, headers, body)).toEqual(await ask(sdk.url, headers, body))
  })

  test('whatever else is in the message', { timeout: 60_000 + fuzz.numRuns * 50 }, async () => {
    const sent = fc
      .constantFrom(...Object.values(cases))
      .chain(({ headers, body }) => fc.record({ headers: fc.constant(headers), body: mutantOf(body) }))
    await fc.assert(
      fc.asyncProperty(sent, async ({ headers, body }) => {
        expect(await ask(ours.url, headers, body)).toEqual(await ask(sdk.url, headers, body))
      }),
      fuzz,
    )
  })
})

interface Served {
  readonly server: Server
  readonly url: string
}

async function serve(handler: Handler): Promise<Served> {
  const server = createServer((req, res) => {
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => void handler(caller, req, res, JSON.parse(Buffer.concat(parts).toString())))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    server,
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/rest/mcp`,
  }
}

async function ask(url: string, headers: Readonly<Record<string, string>>, body: unknown): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const { status, headers: answered } = response
  return {
    status,
    type: answered.get('content-type'),
    cache: answered.get('cache-control'),
    text: await response.text(),
  }
}
