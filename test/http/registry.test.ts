import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf, namesIn } from '../support/items.ts'
import { operator } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'bot', groups: ['edge'] },
      { name: 'deployer', groups: ['prod'] },
    ],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-key', groups: ['prod'] },
    ],
    hosts: [{ name: 'edge-1', groups: ['edge'] }],
  })
})
afterAll(() => gateway.stop())

describe('groups', () => {
  test('are found by name, changed, and refuse a taken or malformed name', async () => {
    expect((await gateway.api.get('/groups/edge')).body).toMatchObject({ name: 'edge', environment: 'staging' })
    expect((await gateway.api.patch('/groups/edge', { description: 'Edge' })).body).toMatchObject({
      description: 'Edge',
    })
    expect((await gateway.api.post('/groups', { name: 'edge', environment: 'staging' })).status).toBe(409)
    const malformed = await gateway.api.post('/groups', { name: 'Edge!', environment: 'moon' })
    expect(malformed.status).toBe(400)
    expect(JSON.stringify(malformed.body)).not.toMatch(/Edge!|moon/)
    expect(malformed.body).toMatchObject({
      error: {
        details: {
          problems: [
            { path: '/name' },
            { path: '/environment', message: expect.stringContaining('production, staging, development') },
          ],
        },
      },
    })
  })

  test('are made by admins, not by operators, who see their own', async () => {
    const bob = await operator(gateway, 'bob@example.com', ['edge'])
    expect((await bob.api.post('/groups', { name: 'mine', environment: 'staging' })).status).toBe(403)
    expect(namesIn((await bob.api.get('/groups')).body)).toEqual(['edge'])
  })
})

describe('people', () => {
  test('are found by e-mail in any case; disabling one suspends their agents', async () => {
    await gateway.api.create('/people', { email: 'Dee@Example.com', name: 'Dee', role: 'operator', groups: ['edge'] })
    await gateway.api.create('/agents', {
      name: 'dees-bot',
      owner: 'dee@example.com',
      riskLevel: 'low',
      scopes: ['secret:read'],
      groups: ['edge'],
    })
    expect((await gateway.api.get('/people/DEE@example.com')).body).toMatchObject({
      email: 'dee@example.com',
      disabled: false,
    })
    expect((await gateway.api.patch('/people/dee@example.com', { disabled: true })).body).toMatchObject({
      disabled: true,
    })
    expect((await gateway.api.get('/agents/dees-bot')).body).toMatchObject({ status: 'suspended' })
  })
})

describe('tokens', () => {
  test('show their value once, with a configuration per client that does not hold it', async () => {
    const { body } = await gateway.api.post('/tokens', {
      agentId: 'bot',
      name: 'laptop',
      groups: ['edge'],
      ttlSeconds: 60,
      cidrs: ['127.0.0.0/8'],
    })
    const { token, value, clientConfig } = body as { token: { id: string }; value: string; clientConfig: object }
    expect(value).toMatch(/^clk_mcp_/)
    expect(Object.keys(clientConfig).sort()).toEqual(['claudeCode', 'cursor', 'generic', 'openhands', 'windsurf'])
    expect(JSON.stringify(clientConfig)).toContain(`${gateway.url}/rest/mcp`)
    expect(JSON.stringify(clientConfig)).not.toContain(value)
    expect((await gateway.api.get(`/tokens/${token.id}`)).body).toEqual(token)
    expect(JSON.stringify((await gateway.api.get('/tokens?agent=bot')).body)).not.toContain(value)
    expect((await gateway.api.post(`/tokens/${token.id}/revoke`)).body).toMatchObject({ status: 'revoked' })
  })

  test.each([
    ["a group outside the agent's", { groups: ['edge', 'prod'], ttlSeconds: 60 }, 'GROUP_NOT_PERMITTED'],
    ["a scope outside the agent's", { groups: ['edge'], scopes: ['host:read'], ttlSeconds: 60 }, 'SCOPE_NOT_PERMITTED'],
    ['no end', { groups: ['edge'] }, 'ARGUMENT_INVALID'],
    ['two ends', { groups: ['edge'], ttlSeconds: 60, expiresAt: '2099-01-01T00:00:00Z' }, 'ARGUMENT_INVALID'],
    [
      'a network with bits after its prefix',
      { groups: ['edge'], ttlSeconds: 60, cidrs: ['10.0.0.1/8'] },
      'ARGUMENT_INVALID',
    ],
  ])('with %s are 400', async (_, body, code) => {
    const answer = await gateway.api.post('/tokens', { agentId: 'bot', name: 'x', ...body })
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ error: { code } })
  })
})

describe('hosts', () => {
  test('are found by name and changed', async () => {
    expect((await gateway.api.get('/hosts/edge-1')).body).toMatchObject({ groups: ['edge'], environment: 'staging' })
    expect((await gateway.api.patch('/hosts/edge-1', { port: 2200 })).body).toMatchObject({ port: 2200 })
    expect(namesIn((await gateway.api.get('/hosts?group=prod')).body)).toEqual([])
  })
})

describe('sessions', () => {
  test('are listed by agent and ended; a second end is 409', async () => {
    const agent = await connect(gateway.url, tokens['bot'] ?? '', { kind: 'sdk v2, handshake' })
    await agent.calls('certlocker_get_secret', { name: 'edge-key' })
    const [session] = itemsOf((await gateway.api.get('/agents/bot/sessions?status=active')).body)
    expect(session).toMatchObject({ agent: 'bot', status: 'active', client: { name: 'test-client' } })
    expect(itemsOf((await gateway.api.get('/sessions?agent=bot')).body)).toEqual([session])
    const eli = await operator(gateway, 'eli@example.com', ['prod'])
    expect(itemsOf((await eli.api.get('/sessions?agent=bot')).body)).toEqual([])
    expect((await eli.api.post(`/sessions/${String(session?.['id'])}/end`)).status).toBe(403)
    const ended = await gateway.api.post(`/sessions/${String(session?.['id'])}/end`, { reason: 'odd' })
    expect(ended.body).toMatchObject({ status: 'ended', endReason: 'admin' })
    expect((await gateway.api.post(`/sessions/${String(session?.['id'])}/end`)).status).toBe(409)
    await agent.close()
  })
})

describe('approvals', () => {
  test('are listed for who shares a group with the resource, and shown', async () => {
    const agent = await connect(gateway.url, tokens['deployer'] ?? '')
    const answer = await agent.calls('certlocker_get_secret', { name: 'prod-key' })
    await agent.close()
    expect(answer.structured).toMatchObject({ status: 'approval_required' })
    const [approval] = itemsOf((await gateway.api.get('/approvals?status=pending')).body)
    expect(approval).toMatchObject({
      agent: 'deployer',
      owner,
      tool: 'certlocker_get_secret',
      resource: { name: 'prod-key' },
      status: 'pending',
    })
    expect((await gateway.api.get(`/approvals/${String(approval?.['id'])}`)).body).toEqual({ ...approval, similar: [] })
    const eve = await operator(gateway, 'eve@example.com', ['edge'])
    expect(itemsOf((await eve.api.get('/approvals')).body)).toEqual([])
    expect((await eve.api.get(`/approvals/${String(approval?.['id'])}`)).status).toBe(403)
  })
})

describe('the policy', () => {
  test('says which bundle decides', async () => {
    expect((await gateway.api.get('/policy')).body).toEqual({
      active: {
        revision: expect.any(String),
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        sequence: expect.any(Number),
      },
      sequenceFloor: 0,
      history: [expect.objectContaining({ state: 'active', source: 'shipped', pushedBy: null })],
      held: [],
      lastError: null,
    })
  })
})

describe('a list', () => {
  test('is cut into pages that neither repeat nor hide, in either order', async () => {
    for (let index = 0; index < 5; index++)
      await gateway.api.create('/groups', { name: `page-${index}`, environment: 'development' })
    const all = namesIn((await gateway.api.get('/groups?order=asc&limit=200')).body)
    const paged: unknown[] = []
    for (let cursor = ''; cursor !== 'null'; ) {
      const { body } = await gateway.api.get(`/groups?order=asc&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      paged.push(...namesIn(body))
      cursor = encodeURIComponent(String(body['nextCursor']))
    }
    expect(paged).toEqual(all)
    expect(namesIn((await gateway.api.get('/groups?limit=200')).body)).toEqual(all.toReversed())
  })

  test.each(['limit=0', 'limit=201', 'limit=x', 'order=up', 'cursor=abc', 'unknown=1', 'limit=1&limit=2'])(
    'refuses %s: 400',
    async (query) => {
      const answer = await gateway.api.get(`/groups?${query}`)
      expect(answer.status).toBe(400)
      expect(answer.body).toMatchObject({ error: { code: 'ARGUMENT_INVALID' } })
    },
  )

  test('takes 200 items and gives 50 unless asked', async () => {
    expect((await gateway.api.get('/groups?limit=200')).status).toBe(200)
  })
})
