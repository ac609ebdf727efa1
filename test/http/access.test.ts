import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import type { Body } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let auditor: Person

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'cursor-ops', groups: ['edge'], scopes: ['secret:read', 'host:read', 'audit:write'] },
      { name: 'deploy-bot', groups: ['prod', 'edge'], riskLevel: 'low' },
      { name: 'watcher', groups: ['prod'], scopes: ['host:read'] },
    ],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-db-password', groups: ['prod'] },
      { name: 'prod-mail-key', groups: ['prod'] },
    ],
    hosts: [{ name: 'prod-db-01', groups: ['prod'] }],
  })
  await operator(gateway, 'edith@example.com', ['edge'])
  auditor = await person(gateway, 'aud@example.com', 'auditor')
})
afterAll(() => gateway.stop())

/** Who reaches what, by which action and with which effect, one text each. */
function reached(body: Body): string[] {
  return itemsOf(body).flatMap(({ principal, resource, actions }) =>
    itemsOf({ items: actions }).map(
      ({ action, effect }) => `${nameOf(principal)} ${String(action)} ${nameOf(resource)}: ${String(effect)}`,
    ),
  )
}

function nameOf(part: unknown): string {
  return typeof part === 'object' && part !== null && 'name' in part ? String(part.name) : '-'
}

async function pages(path: string, limit: number): Promise<Body[]> {
  const items: Body[] = []
  for (let cursor: unknown = ''; typeof cursor === 'string'; ) {
    const { status, body } = await auditor.api.get(`${path}limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    expect(status).toBe(200)
    expect(itemsOf(body).length).toBeLessThanOrEqual(limit)
    items.push(...itemsOf(body))
    cursor = body['nextCursor']
  }
  return items
}

describe('who can reach a resource', () => {
  test('is answered with people and agents, the effect, and the path that leads there', async () => {
    const { status, body } = await auditor.api.get('/access?resource=prod-db-password')
    expect(status).toBe(200)
    expect(reached(body)).toEqual([
      'bootstrap-admin secret.update prod-db-password: allow',
      'bootstrap-admin secret.restore prod-db-password: allow',
      'bootstrap-admin secret.delete prod-db-password: allow',
      'ana@example.com secret.reveal prod-db-password: allow',
      'ana@example.com secret.update prod-db-password: allow',
      'ana@example.com secret.restore prod-db-password: allow',
      'ana@example.com secret.delete prod-db-password: allow',
      'deploy-bot secret.read prod-db-password: require_approval',
    ])
    const agent = itemsOf(body).at(-1)
    expect(agent).toMatchObject({
      resource: { type: 'secret', name: 'prod-db-password', groups: ['prod'], environment: 'production' },
      principal: { kind: 'agent', id: expect.stringMatching(/^agt_/) },
      actions: [
        {
          tool: 'certlocker_get_secret',
          reasons: [{ code: 'APPROVAL_PRODUCTION' }],
          path: [
            { kind: 'scope', name: 'secret:read' },
            { kind: 'group', name: 'prod' },
          ],
          tokens: [expect.stringMatching(/^tok_/)],
        },
      ],
    })
    expect(itemsOf(body)[1]).toMatchObject({
      principal: { kind: 'person', name: owner },
      actions: [
        {
          path: [
            { kind: 'role', name: 'operator' },
            { kind: 'group', name: 'prod' },
          ],
        },
        {},
        {},
        {},
      ],
    })
  })

  test('is answered for a whole environment, and alike however the pages are cut', async () => {
    const whole = await pages('/access?environment=production&', 200)
    expect(new Set(whole.map(({ resource }) => nameOf(resource)))).toEqual(
      new Set(['prod-db-01', 'prod-db-password', 'prod-mail-key']),
    )
    for (const limit of [1, 2, 3]) expect(await pages('/access?environment=production&', limit)).toEqual(whole)
  })

  test('never differs from what the policy answers when it is asked in earnest', async () => {
    const { body } = await auditor.api.get('/access?environment=staging')
    expect(reached(body)).toContain('cursor-ops secret.read edge-key: allow')
    const agent = await connect(gateway.url, tokens['cursor-ops'] ?? '')
    expect((await agent.calls('certlocker_get_secret', { name: 'edge-key' })).structured).toMatchObject({
      status: 'ok',
    })
    await gateway.api.create('/agents/cursor-ops/suspend', { reason: 'odd' })
    const suspended = await auditor.api.get('/access?environment=staging')
    expect(reached(suspended.body).filter((line) => line.startsWith('cursor-ops'))).toEqual([])
    await gateway.api.create('/agents/cursor-ops/resume', { reason: 'fine' })
    await agent.close()
  })

  test('follows what changes: a disabled person reaches nothing any more', async () => {
    await operator(gateway, 'leaver@example.com', ['prod'])
    const people = async () => reached((await auditor.api.get('/access?resource=prod-mail-key')).body).join('\n')
    expect(await people()).toContain('leaver@example.com')
    await gateway.api.patch('/people/leaver@example.com', { disabled: true })
    expect(await people()).not.toContain('leaver@example.com')
  })

  test('is shown to an operator for their groups, and to an approver not at all', async () => {
    const ope = await operator(gateway, 'ope@example.com', ['edge'])
    const app = await person(gateway, 'app@example.com', 'approver', ['prod'])
    expect((await ope.api.get('/access?resource=edge-key')).status).toBe(200)
    expect((await ope.api.get('/access?resource=prod-db-password')).status).toBe(403)
    expect(itemsOf((await ope.api.get('/access?environment=production')).body)).toEqual([])
    expect((await app.api.get('/access?environment=production')).status).toBe(403)
  })

  test.each([
    ['/access', 400],
    ['/access?resource=edge-key&environment=production', 400],
    ['/access?environment=moon', 400],
    ['/access?environment=production&cursor=x', 400],
    ['/access?environment=production&cursor=shared.x.agent.y', 400],
    ['/access?resource=nothing', 404],
    ['/agents/nobody/access', 404],
    ['/agents/cursor-ops/access?cursor=x', 400],
    ['/agents/cursor-ops/exposure?cursor=x', 400],
  ])('%s answers %i', async (path, status) => {
    expect((await gateway.api.get(path)).status).toBe(status)
  })
})

describe('what an agent could do', () => {
  test('is every tool of its scopes on every resource in its reach, with effect and reason', async () => {
    const items = await pages('/agents/deploy-bot/access?', 200)
    expect(
      items.map(({ resource, actions }) => [
        nameOf(resource),
        ...itemsOf({ items: actions }).map(({ action, effect }) => `${String(action)} ${String(effect)}`),
      ]),
    ).toEqual([
      ['-', 'resource.list allow'],
      ['edge-key', 'secret.read allow'],
      ['prod-db-password', 'secret.read require_approval'],
      ['prod-mail-key', 'secret.read require_approval'],
    ])
    expect(await pages('/agents/deploy-bot/access?', 1)).toEqual(items)
    expect(JSON.stringify(items)).not.toContain('value-of-')
  })

  test('is told from what a narrower token of it can do: no active token reaches as far', async () => {
    await gateway.api.create('/agents', {
      name: 'narrow',
      owner,
      riskLevel: 'low',
      scopes: ['secret:read'],
      groups: ['edge', 'prod'],
    })
    await gateway.api.create('/tokens', { agentId: 'narrow', name: 'edge', groups: ['edge'], ttlSeconds: 60 })
    const items = await pages('/agents/narrow/access?', 200)
    const tokensOn = (name: string) =>
      items.filter(({ resource }) => nameOf(resource) === name).flatMap(({ actions }) => itemsOf({ items: actions }))
    expect(tokensOn('edge-key')).toMatchObject([{ effect: 'allow', tokens: [expect.stringMatching(/^tok_/)] }])
    expect(tokensOn('prod-db-password')).toMatchObject([{ effect: 'require_approval', tokens: [] }])
  })

  test('is nothing while it is suspended, and the reason says so', async () => {
    await gateway.api.create('/agents/watcher/suspend', { reason: 'odd' })
    const items = await pages('/agents/watcher/access?', 200)
    expect(items.length).toBeGreaterThan(0)
    for (const { actions } of items)
      expect(actions).toMatchObject([{ effect: 'deny', reasons: [{ code: 'AGENT_SUSPENDED' }] }])
    expect(await pages('/agents/watcher/history?', 200)).toMatchObject([
      { type: 'AGENT_SUSPENDED', details: { before: { status: 'active' }, after: { status: 'suspended' } } },
      { type: 'MCP_TOKEN_CREATED', details: { before: null, after: { agent: 'watcher' } } },
      { type: 'AGENT_CREATED', details: { before: null } },
    ])
  })

  test('leaves no trace in the log beyond that it was asked, and changes nothing', async () => {
    const size = async () => Number((await gateway.api.get('/audit/verify')).body['size'])
    const before = await size()
    await pages('/agents/deploy-bot/access?', 200)
    await pages('/access?environment=production&', 200)
    expect(await size()).toBe(before)
  })
})

describe('what an agent has read', () => {
  test('is listed by version, and says whether the value is still in use', async () => {
    const agent = await connect(gateway.url, tokens['cursor-ops'] ?? '')
    const read = () => agent.calls('certlocker_get_secret', { name: 'edge-key' })
    const exposure = async () => itemsOf((await auditor.api.get('/agents/cursor-ops/exposure')).body)
    await gateway.api.create('/secrets', { name: 'scratch', groups: ['edge'], type: 'password', value: 'gone soon' })
    await agent.calls('certlocker_get_secret', { name: 'scratch' })
    await read()
    await gateway.api.create('/secrets/edge-key/versions', { value: 'second' })
    expect(await exposure()).toMatchObject([
      { secret: { name: 'edge-key' }, version: 0, state: 'superseded' },
      { secret: { name: 'scratch' }, version: 0, state: 'current', reads: 1 },
    ])
    await gateway.api.create('/secrets/edge-key/restore', { version: 0 })
    await gateway.api.delete('/secrets/scratch')
    await read()
    expect(await exposure()).toMatchObject([
      { version: 2, state: 'current', reads: 1 },
      { version: 0, state: 'current' },
      { secret: { name: 'scratch' }, state: 'deleted' },
    ])
    expect(JSON.stringify(await exposure())).not.toContain('value-of-')
    expect(await pages('/agents/cursor-ops/exposure?', 1)).toEqual(await exposure())
    await agent.close()
  })

  test('is not what it was refused', async () => {
    const agent = await connect(gateway.url, tokens['deploy-bot'] ?? '')
    await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
    expect(itemsOf((await auditor.api.get('/agents/deploy-bot/exposure')).body)).toEqual([])
    await agent.close()
  })
})
