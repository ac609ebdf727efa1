import { afterAll, beforeAll, expect, test } from 'vitest'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, openSession, rawMcp, rpcOf } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let token = ''

beforeAll(async () => {
  gateway = await testGateway()
  token = (await given(gateway, { agents: [{ name: 'bot', groups: ['edge'] }] }))['bot'] ?? ''
})
afterAll(() => gateway.stop())

test.each([
  ['2025-11-25', '2025-11-25'],
  ['2025-06-18', '2025-06-18'],
  ['2025-03-26', '2025-03-26'],
  ['2024-11-05', '2025-11-25'],
  ['2024-10-07', '2025-11-25'],
  ['1999-01-01', '2025-11-25'],
  ['2026-07-28', '2025-11-25'],
])('an initialize that asks for %s is answered %s, which its session has too', async (protocolVersion, answered) => {
  const clientInfo = { name: `client of ${protocolVersion}`, version: '1' }
  const answer = await rawMcp(gateway.url, {
    token,
    message: handshakeMessage('initialize', { protocolVersion, capabilities: {}, clientInfo }),
  })
  expect(answer.status).toBe(200)
  expect(rpcOf(answer)).toMatchObject({ result: { protocolVersion: answered } })
  const sessions = itemsOf((await gateway.api.get('/agents/bot/sessions')).body)
  expect(sessions.find(({ id }) => id === answer.headers['mcp-session-id'])).toMatchObject({
    protocolVersion: answered,
  })
})

test.each([
  ['no id, so that it is a notification', {}],
  ['a fraction as its id', { id: 1.5 }],
  ['null as its id', { id: null }],
  ['an object as its id', { id: {} }],
  ['another version of JSON-RPC', { id: 1, jsonrpc: '1.0' }],
])('an initialize with %s is refused, and opens no session', async (_, members) => {
  const clientInfo = { name: 'malformed', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const message = { jsonrpc: '2.0', method: 'initialize', params, ...members }
  const answer = await rawMcp(gateway.url, { token, message })
  expect(answer.status).toBe(400)
  expect(answer.headers['mcp-session-id']).toBeUndefined()
  const sessions = itemsOf((await gateway.api.get('/agents/bot/sessions')).body)
  expect(sessions.filter(({ client }) => (client as { name: string }).name === 'malformed')).toEqual([])
})

test.each([
  ['alone', []],
  ['after another request', [handshakeMessage('ping', {})]],
])('an initialize in a batch, %s, is refused as no request, in the words of JSON-RPC', async (_, others) => {
  const headers = { 'mcp-session-id': await openSession(gateway.url, token), 'mcp-protocol-version': '2025-03-26' }
  const handshake = handshakeMessage('initialize', { protocolVersion: null, capabilities: {} })
  const answer = await rawMcp(gateway.url, { token, headers, message: [...others, handshake] })
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: -32600, message: 'Invalid Request' } })
})
