import fc from 'fast-check'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../../src/kernel/log.ts'
import { fuzzing } from '../../support/fuzzing.ts'
import { callOnce } from '../../support/calling-clients.ts'
import { given } from '../../support/given.ts'
import { bytesOf, mutantOf } from '../../support/hostile-json.ts'
import { rawHttp } from '../../support/raw-http.ts'
import { initialize, openSession } from '../../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../../support/test-gateway.ts'
import { expectCivil } from '../../support/civil-answer.ts'

const fuzz = fuzzing(400)
const META = 'io.modelcontextprotocol/'
const meta = {
  [`${META}protocolVersion`]: '2026-07-28',
  [`${META}clientInfo`]: { name: 'fuzz', version: '1' },
  [`${META}clientCapabilities`]: {},
}
const request = (method: string, params: object) => ({ jsonrpc: '2.0', id: 1, method, params })
const tools: readonly (readonly [name: string, args: object])[] = [
  ['certlocker_get_secret', { name: 'login', version: 0 }],
  ['certlocker_list_allowed_resources', { type: 'secret', query: 'l', limit: 5 }],
  ['certlocker_list_allowed_hosts', { limit: 5 }],
  ['certlocker_write_audit_event', { action: 'a', message: 'b', resource: 'c' }],
]
const messages: readonly object[] = [
  ...tools.map(([name, args]) => request('tools/call', { name, arguments: args })),
  ...tools.map(([name, args]) => request('tools/call', { name, arguments: args, _meta: meta })),
  request('tools/list', {}),
  request('tools/list', { _meta: meta }),
  request('server/discover', { _meta: meta }),
  request('ping', {}),
  request('resources/read', { uri: 'file:///etc/passwd' }),
  request('logging/setLevel', { level: 'debug' }),
  { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
  { jsonrpc: '2.0', id: 1, result: {} },
  initialize,
]

/** Each present or not, plausible or not. */
const headers = fc.record(
  {
    'mcp-protocol-version': fc.constantFrom('2026-07-28', '2025-11-25', '2025-03-26', '2024-11-05', '2999-01-01', 'x'),
    'mcp-method': fc.constantFrom('tools/call', 'tools/list', 'x', '=?base64?AA==?='),
    'mcp-name': fc.constantFrom('certlocker_get_secret', 'x', '%00', '=?base64?w4PCqQ==?='),
    'mcp-session-id': fc.constantFrom('@', 'x', 'ses_0000000000000000000000000', '%2e%2e', 'a'.repeat(3_000)),
    'last-event-id': fc.constantFrom('1', 'x'),
    'x-certlocker-launched-by': fc.constantFrom('ci', 'a'.repeat(2_000), '\u00ff'),
    traceparent: fc.constantFrom('x', '00-00000000000000000000000000000000-0000000000000000-00'),
  },
  { requiredKeys: [] },
)
const kinds = fc.record({
  accept: fc.constantFrom('application/json, text/event-stream', 'application/json', '*/*', 'text/html', ''),
  'content-type': fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', 'x'),
})
const usualKinds = fc.constant({
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
})

/** What a client would send along with the message, before anything about it was changed. */
function ownHeaders(message: object): Readonly<Record<string, string>> {
  const { method = '', params = {} }: { method?: string; params?: { name?: string; _meta?: object } } = message
  if (params._meta === undefined) return { 'mcp-session-id': '@', 'mcp-protocol-version': '2025-11-25' }
  const name = params.name === undefined ? {} : { 'mcp-name': params.name }
  return { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name }
}

const sent = fc.constantFrom(...messages).chain((message) =>
  mutantOf(message).chain((mutant) =>
    fc.record({
      headers: fc.oneof({ weight: 3, arbitrary: fc.constant(ownHeaders(message)) }, headers),
      kinds: fc.oneof({ weight: 3, arbitrary: usualKinds }, kinds),
      body: bytesOf(mutant),
    }),
  ),
)

let gateway: TestGateway
let caller: Parameters<typeof callOnce>[0]
let operatorLog = ''

beforeAll(async () => {
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => {
    operatorLog += chunk.toString()
  })
  gateway = await testGateway(
    { CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000' },
    createLog({ level: 'info', stream, pretty: false }),
  )
  const tokens = await given(gateway, {
    agents: [{ name: 'fuzz', groups: ['staging'], scopes: ['secret:read', 'host:read', 'audit:write'] }],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  const token = tokens['fuzz'] ?? ''
  caller = { url: gateway.url, token, sessionId: await openSession(gateway.url, token) }
})
afterAll(() => gateway.stop())

async function resume(): Promise<void> {
  await gateway.api.post('/agents/fuzz/resume', { reason: 'test' })
  caller = { ...caller, sessionId: await openSession(caller.url, caller.token) }
}

describe('whatever an agent posts to /rest/mcp', () => {
  test('is answered in good form and never by a failure of ours', {
    timeout: 60_000 + fuzz.numRuns * 100,
  }, async () => {
    const answered = new Map<number, number>()
    await fc.assert(
      fc.asyncProperty(sent, async ({ headers: more, kinds: given, body }) => {
        const sessionId = Reflect.get(more, 'mcp-session-id') === '@' ? { 'mcp-session-id': caller.sessionId } : {}
        const answer = await rawHttp(caller.url, {
          method: 'POST',
          path: '/rest/mcp',
          headers: { authorization: `Bearer ${caller.token}`, ...given, ...more, ...sessionId },
          body,
        })
        expectCivil(answer)
        // Guessing names suspends an agent, as it should; this one is to go on.
        if (answer.status === 401) await resume()
        answered.set(answer.status, (answered.get(answer.status) ?? 0) + 1)
      }),
      fuzz,
    )
    expect(answered.get(200)).toBeGreaterThan(fuzz.numRuns / 20)
    expect(answered.get(401) ?? 0).toBeLessThan(fuzz.numRuns / 20)
    await resume()
    expect(await callOnce(caller, 'certlocker_get_secret', { name: 'login' })).toMatchObject({ status: 'ok' })
    expect(operatorLog).not.toMatch(/"level":"error"/)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})
