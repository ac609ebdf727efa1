import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintBearer } from '../../src/kernel/bearer.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person } from '../support/person.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let ana: Person

beforeAll(async () => {
  gateway = await testGateway()
  await gateway.api.create('/groups', { name: 'edge', environment: 'staging' })
  ana = await operator(gateway, 'ana@example.com', ['edge'])
})
afterAll(() => gateway.stop())

const withBearer = (bearer: string) => restClient(gateway.url, bearer).get('/agents')
const lastFailure = async () => itemsOf((await gateway.api.get('/audit?type=AI_AGENT_AUTH_FAILED&limit=1')).body)[0]

describe('an API key', () => {
  test('opens REST for its person', async () => {
    expect((await ana.api.get('/agents')).status).toBe(200)
  })

  test.each([
    ['unknown', mintBearer('clk_api').value.expose(), 'KEY_UNKNOWN'],
    ['malformed', 'clk_api_short', 'KEY_MALFORMED'],
    ['of SSH', mintBearer('clk_ssh').value.expose(), 'KEY_MALFORMED'],
  ])('that is %s is 401 in one text, and the reason is on record without the key', async (_, bearer, code) => {
    const answer = await withBearer(bearer)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    expect(answer.body).toMatchObject({ error: { code: 'UNAUTHENTICATED', message: 'Authentication failed' } })
    const event = await lastFailure()
    expect(event).toMatchObject({ code, outcome: 'deny', actor: null, requestId: answer.headers.get('x-request-id') })
    expect(JSON.stringify(event)).not.toContain(bearer)
    expect(gateway.auditLines.join('\n')).not.toContain(bearer)
  })

  test('that is missing is 401', async () => {
    expect((await fetch(`${gateway.url}/api/v1/agents`)).status).toBe(401)
    expect(await lastFailure()).toMatchObject({ code: 'KEY_MISSING' })
  })

  test('is no MCP token: its holder is told', async () => {
    await gateway.api.create('/agents', {
      name: 'bot',
      owner: ana.email,
      riskLevel: 'low',
      scopes: ['secret:read'],
      groups: ['edge'],
    })
    const { value } = await gateway.api.create('/tokens', {
      agentId: 'bot',
      name: 't',
      groups: ['edge'],
      ttlSeconds: 60,
    })
    const answer = await withBearer(String(value))
    expect(answer.status).toBe(401)
    expect(answer.body).toMatchObject({ error: { message: expect.stringContaining('MCP tokens are not for REST') } })
    expect(await lastFailure()).toMatchObject({ code: 'WRONG_BEARER_KIND' })
  })

  test('that was revoked is 401, and its person is on record', async () => {
    const created = await gateway.api.create('/api-keys', { person: ana.email, name: 'old', ttlSeconds: 60 })
    const { id } = created['apiKey'] as { id: string }
    expect((await withBearer(String(created['value']))).status).toBe(200)
    expect((await gateway.api.post(`/api-keys/${id}/revoke`)).body).toMatchObject({ id, status: 'revoked' })
    expect((await withBearer(String(created['value']))).status).toBe(401)
    expect(await lastFailure()).toMatchObject({
      code: 'KEY_REVOKED',
      actor: { kind: 'person', name: ana.email },
      details: { apiKeyId: id },
    })
  })

  test('of a disabled person is 401, until they are enabled again', async () => {
    const bea = await operator(gateway, 'bea@example.com', ['edge'])
    await gateway.api.patch('/people/bea@example.com', { disabled: true })
    expect((await bea.api.get('/agents')).status).toBe(401)
    expect(await lastFailure()).toMatchObject({ code: 'PERSON_DISABLED' })
    await gateway.api.patch('/people/bea@example.com', { disabled: false })
    expect((await bea.api.get('/agents')).status).toBe(200)
  })

  test('is shown once: lists and logs hold how it begins, the database its hash', async () => {
    const { items } = (await gateway.api.get('/api-keys')).body as { items: { prefix: string }[] }
    expect(items.length).toBeGreaterThan(0)
    expect(JSON.stringify(items)).not.toContain(ana.value)
    expect(JSON.stringify(items)).not.toContain(createHash('sha256').update(ana.value).digest('hex'))
    expect(gateway.auditLines.join('\n')).not.toContain(ana.value)
  })
})

describe('an operator', () => {
  test("mints, sees and revokes keys of their own, and nobody else's", async () => {
    const own = await ana.api.post('/api-keys', { person: ana.email, name: 'second', ttlSeconds: 60 })
    expect(own.status).toBe(201)
    const listed = itemsOf((await ana.api.get('/api-keys')).body)
    expect(new Set(listed.map(({ person }) => person))).toEqual(new Set([ana.email]))
    const cay = await operator(gateway, 'cay@example.com', ['edge'])
    expect((await cay.api.get(`/api-keys?person=${ana.email}`)).status).toBe(403)
    expect((await cay.api.post('/api-keys', { person: ana.email, name: 'x', ttlSeconds: 60 })).status).toBe(403)
    const { id } = own.body['apiKey'] as { id: string }
    expect((await cay.api.post(`/api-keys/${id}/revoke`)).status).toBe(403)
    expect((await ana.api.post(`/api-keys/${id}/revoke`)).status).toBe(200)
  })
})
