import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../src/domain/audit/event.ts'
import { given } from '../support/given.ts'
import { type IdTokenIssuer, idTokenIssuer } from '../support/id-token-issuer.ts'
import { initialize, rawMcp } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let issuer: IdTokenIssuer
let gateway: TestGateway
let token: string

beforeAll(async () => {
  issuer = await idTokenIssuer()
  gateway = await testGateway(issuer.settings)
  const tokens = await given(gateway, {
    agents: [{ name: 'bot', groups: ['edge'] }],
    secrets: [{ name: 'edge-key', groups: ['edge'] }],
  })
  token = String(tokens['bot'])
})
afterAll(async () => {
  await gateway.stop()
  await issuer.stop()
})

const call = (headers: Record<string, string>, client = 'modern') =>
  rawMcp(gateway.url, {
    token,
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'certlocker_get_secret',
      ...headers,
    },
    message: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'certlocker_get_secret',
        arguments: { name: 'edge-key' },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: client, version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    },
  })

const shakeHands = (headers: Record<string, string>) => rawMcp(gateway.url, { token, headers, message: initialize })

async function auditEvents(type: string): Promise<AuditEvent[]> {
  const { body } = await gateway.api.get(`/audit?type=${type}&limit=200`)
  return (body as { readonly items: AuditEvent[] }).items
}

async function launchers(type: string, client: string) {
  const events = await auditEvents(type)
  return events.filter((event) => event.client?.name === client).map(({ launcher }) => launcher)
}

describe('who launched a client', () => {
  test('is recorded as verified with an ID token of the configured issuer, on session and call', async () => {
    const answer = await call({ 'x-certlocker-launcher-token': await issuer.idToken('ann@example.com') }, 'proven')
    expect(answer.status).toBe(200)
    const ann = { name: 'ann@example.com', verified: true }
    expect(await launchers('AI_AGENT_SESSION_STARTED', 'proven')).toEqual([ann])
    expect(await launchers('AI_AGENT_CALL_COMPLETED', 'proven')).toEqual([ann])
    const opened = await shakeHands({ 'x-certlocker-launcher-token': await issuer.idToken('ann@example.com') })
    expect(opened.status).toBe(200)
    expect(await launchers('AI_AGENT_SESSION_STARTED', 'raw')).toEqual([ann])
  })

  test('is told apart: what one proven launcher does is never said of another', async () => {
    await call({ 'x-certlocker-launcher-token': await issuer.idToken('ann@example.com') }, 'shared')
    await call({ 'x-certlocker-launcher-token': await issuer.idToken('bob@example.com') }, 'shared')
    const names = (await launchers('AI_AGENT_CALL_COMPLETED', 'shared')).map((launcher) => launcher?.name)
    expect(names.toSorted()).toEqual(['ann@example.com', 'bob@example.com'])
  })

  test('is recorded as claimed from the header alone', async () => {
    await call({ 'x-certlocker-launched-by': 'ann@example.com' }, 'claiming')
    expect(await launchers('AI_AGENT_SESSION_STARTED', 'claiming')).toEqual([
      { name: 'ann@example.com', verified: false },
    ])
  })

  test('refuses a token that proves nothing, whatever is claimed beside it, and says why to the operator alone', async () => {
    const forged = `${await issuer.idToken('ann@example.com')}x`
    for (const send of [call, shakeHands]) {
      const answer = await send({
        'x-certlocker-launcher-token': forged,
        'x-certlocker-launched-by': 'ann@example.com',
      })
      expect(answer.status).toBe(401)
      expect(answer.text).not.toMatch(/launcher|signature/i)
    }
    const failed = await auditEvents('AI_AGENT_AUTH_FAILED')
    expect(failed.map(({ code, agent }) => [code, agent?.name])).toEqual([
      ['LAUNCHER_INVALID', 'bot'],
      ['LAUNCHER_INVALID', 'bot'],
    ])
    expect(JSON.stringify(failed)).not.toContain(forged)
  })
})
