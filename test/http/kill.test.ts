import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect } from '../support/agent.ts'
import { callOnce } from '../support/calling-clients.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator } from '../support/person.ts'
import { openSession } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let replicas: readonly TestGateway[]
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  replicas = [gateway, await gateway.replica(), await gateway.replica()]
  const agents = ['one', 'two', 'drilled', 'gone', 'owned', 'grouped', 'bystander'].map((name) => ({
    name,
    groups: [name === 'grouped' ? 'edge' : 'staging'],
    scopes: ['secret:read'],
  }))
  tokens = await given(gateway, { agents, secrets: [{ name: 'login', groups: ['staging', 'edge'] }] })
})
afterAll(async () => {
  for (const each of replicas.toReversed()) await each.stop()
})

const kill = async (body: object) => (await gateway.api.post('/kill', { reason: 'laptop stolen', ...body })).body
const statusOf = async (agent: string) => (await gateway.api.get(`/agents/${agent}`)).body['status']
const receiptsOf = (body: object): readonly { readonly [name: string]: unknown }[] => {
  const { receipts = [] }: { receipts?: readonly { readonly [name: string]: unknown }[] } = body
  return receipts
}

/** What a fresh client is told on each replica: 200 where it may call, 401 where not. */
async function callsOn(agent: string): Promise<readonly string[]> {
  return Promise.all(
    replicas.map(async ({ url }) => {
      const token = tokens[agent] ?? ''
      const sessionId = await openSession(url, token).catch(() => undefined)
      if (sessionId === undefined) return 'refused'
      const { status } = await callOnce({ url, token, sessionId }, 'certlocker_get_secret', { name: 'login' })
      return status
    }),
  )
}

describe('POST /kill', () => {
  test('stops an agent on every replica before it answers, with a receipt from each', async () => {
    expect(await callsOn('one')).toEqual(['ok', 'ok', 'ok'])
    const answer = await gateway.api.post('/kill', { kind: 'agent', id: 'one', reason: 'laptop stolen' })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ kind: 'agent', target: { name: 'one' }, revoke: false, inForce: false })
    const receipts = receiptsOf(answer.body)
    expect(receipts).toHaveLength(3)
    for (const receipt of receipts) expect(receipt).toMatchObject({ confirmed: true, callsCut: 0 })
    expect(await callsOn('one')).toEqual(['refused', 'refused', 'refused'])
    expect(await statusOf('one')).toBe('suspended')
    const events = itemsOf((await gateway.api.get('/audit?type=KILL_SWITCH')).body)
    expect(events[0]).toMatchObject({ resource: { name: 'one' }, details: { kind: 'agent', reason: 'laptop stolen' } })
    expect((await gateway.api.post('/agents/one/resume', { reason: 'found' })).status).toBe(200)
    // Only a kill waits for every replica; what gives rights back is heard by the others a moment later.
    await vi.waitFor(async () => expect(await callsOn('one')).toEqual(['ok', 'ok', 'ok']), { timeout: 10_000 })
  })

  test('ends an agent for good where revoke is asked for', async () => {
    expect(await kill({ kind: 'agent', id: 'gone', revoke: true })).toMatchObject({ revoke: true })
    expect(await statusOf('gone')).toBe('revoked')
  })

  test('stops nothing in a drill, and proves that every replica would', async () => {
    const body = await kill({ kind: 'agent', id: 'drilled', drill: true })
    expect(body).toMatchObject({ drill: true, inForce: false })
    expect(receiptsOf(body).map(({ confirmed }) => confirmed)).toEqual([true, true, true])
    expect(await statusOf('drilled')).toBe('active')
    expect(await callsOn('drilled')).toEqual(['ok', 'ok', 'ok'])
  })

  test('stops every agent of an owner, and no new one', async () => {
    await gateway.api.create('/people', {
      email: 'eve@example.com',
      name: 'Eve',
      role: 'operator',
      groups: ['staging'],
    })
    await gateway.api.patch('/agents/owned', { owner: 'eve@example.com' })
    await kill({ kind: 'owner', id: 'eve@example.com' })
    expect([await statusOf('owned'), await statusOf('bystander')]).toEqual(['suspended', 'active'])
    const fresh = { name: 'fresh', owner: 'eve@example.com', riskLevel: 'low', scopes: [], groups: ['staging'] }
    expect((await gateway.api.post('/agents', fresh)).status).toBe(201)
  })

  test('keeps agents of a group from being created or resumed until it is lifted', async () => {
    const fresh = { name: 'late', owner, riskLevel: 'low', scopes: [], groups: ['edge'] }
    const { id, inForce } = await kill({ kind: 'group', id: 'edge' })
    expect(inForce).toBe(true)
    expect(await callsOn('grouped')).toEqual(['refused', 'refused', 'refused'])
    for (const [path, body] of [
      ['/agents', fresh],
      ['/agents/grouped/resume', { reason: 'too early' }],
    ] as const) {
      const refused = await gateway.api.post(path, body)
      expect(refused).toMatchObject({ status: 409, body: { error: { code: 'KILL_IN_FORCE' } } })
    }
    expect(itemsOf((await gateway.api.get('/kill?inForce=true')).body)).toMatchObject([{ id }])
    const lifted = await gateway.api.post(`/kill/${String(id)}/lift`, { reason: 'over' })
    expect(lifted).toMatchObject({ status: 200, body: { inForce: false, liftedAt: expect.any(String) } })
    expect(await statusOf('grouped')).toBe('suspended')
    expect((await gateway.api.post('/agents/grouped/resume', { reason: 'over' })).status).toBe(200)
    expect((await gateway.api.post('/agents', fresh)).status).toBe(201)
    expect((await gateway.api.post(`/kill/${String(id)}/lift`, { reason: 'again' })).status).toBe(200)
  })

  test('stops all, and an agent that moves where a kill is in force has no right there', async () => {
    const agent = await connect(gateway.url, tokens['bystander'] ?? '')
    const { id, target } = await kill({ kind: 'all' })
    expect(target).toBeNull()
    await expect(agent.calls('certlocker_get_secret', { name: 'login' })).rejects.toThrow(
      /401|Unauthorized|Authentication/,
    )
    expect(await Promise.all(['two', 'drilled', 'bystander'].map(statusOf))).toEqual(Array(3).fill('suspended'))
    await gateway.api.post(`/kill/${String(id)}/lift`, { reason: 'over' })
  })

  test('is listed to whoever shares a group with what it stopped, and to nobody else', async () => {
    const olga = await operator(gateway, 'olga@example.com', ['edge'])
    const sam = await operator(gateway, 'sam@example.com', ['staging'])
    const shownTo = async ({ api }: Pick<TestGateway, 'api'>) =>
      itemsOf((await api.get('/kill')).body).map(({ kind, target }) => [kind, JSON.parse(JSON.stringify(target))?.name])
    const all = await shownTo(gateway)
    expect(all.map(([kind]) => kind)).toEqual(['all', 'group', 'owner', 'agent', 'agent', 'agent'])
    expect(await shownTo(olga)).toEqual(all.slice(0, 2))
    expect(await shownTo(sam)).toEqual(all.filter(([kind]) => kind !== 'group'))
  })

  test.each([
    ['an agent without a name', { kind: 'agent' }, 400],
    ['all with a name', { kind: 'all', id: 'one' }, 400],
    ['nothing known', { kind: 'fleet', id: 'one' }, 400],
    ['an agent that does not exist', { kind: 'agent', id: 'nobody' }, 404],
    ['without a reason', { kind: 'agent', id: 'two', reason: undefined }, 400],
  ])('refuses an order for %s', async (_, body, status) => {
    expect((await gateway.api.post('/kill', { reason: 'test', ...body })).status).toBe(status)
  })
})
