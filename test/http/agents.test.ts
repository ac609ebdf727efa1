import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { itemsOf, namesIn } from '../support/items.ts'
import { operator, type Person } from '../support/person.ts'
import type { Body } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let ana: Person

const agent = {
  name: 'cursor-ops',
  owner: 'ana@example.com',
  riskLevel: 'medium',
  scopes: ['secret:read'],
  groups: ['edge'],
}

beforeAll(async () => {
  gateway = await testGateway()
  for (const name of ['edge', 'prod'])
    await gateway.api.create('/groups', { name, environment: name === 'prod' ? 'production' : 'staging' })
  ana = await operator(gateway, 'ana@example.com', ['edge'])
})
afterAll(() => gateway.stop())

describe('an agent', () => {
  test('is created, found by id and by name, and listed', async () => {
    const created = await gateway.api.post('/agents', agent)
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({ ...agent, status: 'active', createdBy: 'svc_bootstrap' })
    expect((await gateway.api.get(`/agents/${String(created.body['id'])}`)).body).toEqual(created.body)
    expect((await gateway.api.get('/agents/cursor-ops')).body).toEqual(created.body)
    expect((await gateway.api.get('/agents?group=edge&owner=ana@example.com')).body).toEqual({
      items: [created.body],
      nextCursor: null,
    })
  })

  test('has a name of its own: 409', async () => {
    const again = await gateway.api.post('/agents', agent)
    expect(again.status).toBe(409)
    expect(again.body).toMatchObject({ error: { code: 'NAME_TAKEN' } })
  })

  test('cannot have a group that its owner lacks: 400', async () => {
    const answer = await gateway.api.post('/agents', { ...agent, name: 'too-much', groups: ['edge', 'prod'] })
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({
      error: { code: 'GROUP_NOT_PERMITTED', message: expect.stringContaining('[prod]') },
    })
  })

  test('is suspended, resumed and revoked with a reason; then nothing can be changed any more', async () => {
    await gateway.api.create('/agents', { ...agent, name: 'short-lived' })
    expect((await gateway.api.post('/agents/short-lived/suspend', { reason: 'odd' })).body).toMatchObject({
      status: 'suspended',
    })
    expect((await gateway.api.post('/agents/short-lived/resume', { reason: 'fine' })).body).toMatchObject({
      status: 'active',
    })
    expect((await gateway.api.post('/agents/short-lived/revoke', { reason: 'done' })).body).toMatchObject({
      status: 'revoked',
    })
    const late = await gateway.api.post('/agents/short-lived/resume', { reason: 'no' })
    expect(late.status).toBe(409)
    expect(late.body).toMatchObject({ error: { code: 'AGENT_REVOKED' } })
    const { body } = await gateway.api.get('/agents/short-lived/history')
    expect(itemsOf(body).map(({ type }) => type)).toEqual([
      'AGENT_REVOKED',
      'AGENT_RESUMED',
      'AGENT_SUSPENDED',
      'AGENT_CREATED',
    ])
    expect(itemsOf(body)[2]).toMatchObject({
      details: { reason: 'odd', before: { status: 'active' }, after: { status: 'suspended' } },
      decisionId: expect.stringMatching(/^dec_/),
    })
  })

  test('is not there: 404, in the form of every error', async () => {
    const answer = await gateway.api.get('/agents/nobody')
    expect(answer.status).toBe(404)
    expect(answer.body).toEqual({
      error: { code: 'NOT_FOUND', message: 'No agent nobody', requestId: answer.headers.get('x-request-id') },
    })
  })

  test('is not suspended without a reason: 400, with every problem', async () => {
    const answer = await gateway.api.post('/agents/cursor-ops/suspend', { because: 'x' })
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({
      error: {
        code: 'ARGUMENT_INVALID',
        details: {
          problems: [
            { path: '', message: "must have required property 'reason'" },
            { path: '', message: 'has an unknown member "because"; remove it' },
          ],
        },
      },
    })
  })
})

describe('an operator', () => {
  test('sees and changes agents of their groups', async () => {
    expect((await ana.api.get('/agents/cursor-ops')).status).toBe(200)
    const changed = await ana.api.patch('/agents/cursor-ops', { description: 'Fixes edge proxies' })
    expect(changed.body).toMatchObject({ description: 'Fixes edge proxies' })
  })

  test('does not reach an agent of another group: not shown, not listed, not suspended', async () => {
    await gateway.api.create('/people', { email: 'pia@example.com', name: 'Pia', role: 'operator', groups: ['prod'] })
    await gateway.api.create('/agents', { ...agent, name: 'deployer', owner: 'pia@example.com', groups: ['prod'] })
    const shown = await ana.api.get('/agents/deployer')
    expect(shown.status).toBe(403)
    expect(shown.body).toMatchObject({
      error: { code: 'GROUP_NOT_HELD', details: { decisionId: expect.stringMatching(/^dec_/) } },
    })
    expect((await ana.api.post('/agents/deployer/suspend', { reason: 'x' })).status).toBe(403)
    expect(namesIn((await ana.api.get('/agents')).body)).not.toContain('deployer')
    expect(namesIn((await ana.api.get('/agents?group=prod')).body)).toEqual([])
    const { body } = await gateway.api.get('/audit?type=API_POLICY_DENIED&resource=deployer')
    expect(itemsOf(body)).toHaveLength(2)
    expect(itemsOf(body)[0]).toMatchObject({
      actor: { kind: 'person', name: 'ana@example.com' },
      outcome: 'deny',
      details: { action: 'agent.suspend' },
    })
  })

  test('cannot move an agent into a group that they lack', async () => {
    const answer = await ana.api.patch('/agents/cursor-ops', { groups: ['edge', 'prod'] })
    expect(answer.status).toBe(403)
  })

  test('cannot give themselves a role', async () => {
    const answer = await ana.api.patch('/people/ana@example.com', { role: 'admin' })
    expect(answer.status).toBe(403)
    expect(answer.body).toMatchObject({ error: { code: 'ROLE_NOT_PERMITTED' } })
  })
})

describe('an agent in no group', () => {
  let pia: Person

  beforeAll(async () => {
    pia = await operator(gateway, 'pia-of-nowhere@example.com', ['edge'])
    await gateway.api.create('/agents', { ...agent, name: 'loner', groups: [] })
  })

  const asked: readonly (readonly ['get' | 'post' | 'patch', string, Body])[] = [
    ['get', '/agents/loner', {}],
    ['patch', '/agents/loner', { description: 'mine now' }],
    ['patch', '/agents/loner', { groups: ['edge'] }],
    ['post', '/agents/loner/suspend', { reason: 'x' }],
    ['post', '/agents/loner/resume', { reason: 'x' }],
    ['post', '/agents/loner/revoke', { reason: 'x' }],
    ['get', '/agents/loner/sessions', {}],
    ['post', '/tokens', { agentId: 'loner', name: 'taken', groups: [], ttlSeconds: 60 }],
    ['post', '/agents', { ...agent, name: 'stray', groups: [] }],
  ]

  test.each(asked)('is nothing to an operator who does not own it: %s %s %j', async (method, path, body) => {
    const answer = await pia.api[method](path, body)
    expect(answer.status).toBe(403)
    expect(answer.body).toMatchObject({ error: { code: 'GROUPLESS_NOT_OWN' } })
  })

  test('is shown, changed and given a token by its owner, and the token is the same', async () => {
    expect((await ana.api.get('/agents/loner')).status).toBe(200)
    expect((await ana.api.patch('/agents/loner', { description: 'Mine' })).status).toBe(200)
    const { token } = await ana.api.create('/tokens', { agentId: 'loner', name: 'own', groups: [], ttlSeconds: 60 })
    const path = `/tokens/${(token as { id: string }).id}`
    for (const refused of [await pia.api.get(path), await pia.api.post(`${path}/revoke`)]) {
      expect(refused.status).toBe(403)
      expect(refused.body).toMatchObject({ error: { code: 'GROUPLESS_NOT_OWN' } })
    }
    expect((await ana.api.post(`${path}/revoke`)).status).toBe(200)
  })

  test('has no tokens that the groups they once had make reachable', async () => {
    await gateway.api.create('/agents', { ...agent, name: 'drifter', groups: ['edge'] })
    const { token } = await ana.api.create('/tokens', {
      agentId: 'drifter',
      name: 'old',
      groups: ['edge'],
      ttlSeconds: 60,
    })
    await gateway.api.patch('/agents/drifter', { groups: [] })
    expect((await pia.api.post(`/tokens/${(token as { id: string }).id}/revoke`)).status).toBe(403)
  })

  test('comes into a group by its owner, and is then shared with it', async () => {
    expect((await ana.api.patch('/agents/loner', { groups: ['edge'] })).status).toBe(200)
    expect((await pia.api.get('/agents/loner')).status).toBe(200)
  })
})

describe('a token', () => {
  test('is minted and ended only by who has every group of its agent, however narrow it is', async () => {
    await gateway.api.create('/people', {
      email: 'wide@example.com',
      name: 'W',
      role: 'operator',
      groups: ['edge', 'prod'],
    })
    await gateway.api.create('/agents', { ...agent, name: 'wide', owner: 'wide@example.com', groups: ['edge', 'prod'] })
    const narrow = { agentId: 'wide', name: 'narrow', groups: ['edge'], ttlSeconds: 60 }
    const minted = await ana.api.post('/tokens', narrow)
    expect(minted.status).toBe(403)
    expect(minted.body).toMatchObject({ error: { code: 'GROUP_NOT_HELD' } })
    const { token } = await gateway.api.create('/tokens', narrow)
    const path = `/tokens/${(token as { id: string }).id}`
    expect((await ana.api.get(path)).status).toBe(200)
    expect((await ana.api.post(`${path}/revoke`)).status).toBe(403)
  })
})
