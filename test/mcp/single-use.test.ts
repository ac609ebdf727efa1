import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, clientKinds, connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, openSession, rawMcp, rpcOf } from '../support/raw-mcp.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { mint, statusOf } from '../support/tokens.ts'
import { type TravellingGateway, travellingGateway } from '../support/travelling-gateway.ts'

const RACERS = 20
const TOOL = 'certlocker_get_secret'
const key = (text: unknown) => ({ 'certlocker/idempotencyKey': text })

let time: TravellingGateway
let gateway: TestGateway
let replica: TestGateway

beforeAll(async () => {
  time = await travellingGateway()
  gateway = time.gateway
  await given(gateway, {
    agents: [{ name: 'ci', groups: ['staging'], scopes: ['secret:read', 'audit:write', 'host:read'] }],
    secrets: [
      { name: 'deploy-key', groups: ['staging'] },
      { name: 'other-key', groups: ['staging'] },
    ],
  })
  replica = await gateway.replica()
})
afterAll(async () => {
  await replica.stop()
  await gateway.stop()
})

const single = () => mint(gateway, 'ci', { ttlSeconds: 3600, singleUse: true })

async function decisionsOf(tokenId: string) {
  const { body } = await gateway.api.get('/audit?limit=200&agent=ci')
  const decisions = ['AI_AGENT_POLICY_ALLOWED', 'AI_AGENT_POLICY_DENIED', 'AI_AGENT_APPROVAL_REQUIRED']
  return itemsOf(body).filter(
    (event) => event['tokenId'] === tokenId && event['tool'] === TOOL && decisions.includes(String(event['type'])),
  )
}

const read = (agent: Agent, name = 'deploy-key', meta?: object) => agent.calls(TOOL, { name }, meta)
const spent = { isError: true, structured: { status: 'denied', code: 'TOKEN_SPENT' } }
const ok = (name = 'deploy-key') => ({ isError: false, structured: { status: 'ok', value: `value-of-${name}` } })

describe('S14: a token for single use', () => {
  test.each(clientKinds)(
    'is free to look around, is spent by one read, and then opens nothing more (%s)',
    async (kind) => {
      const { id, value } = await single()
      const agent = await connect(gateway.url, value, { kind })
      expect(await agent.toolNames()).toContain(TOOL)
      const lookAround = async () => [
        await agent.calls('certlocker_list_allowed_resources'),
        await agent.calls('certlocker_list_allowed_hosts'),
        await agent.calls('certlocker_write_audit_event', { action: 'look', message: 'around' }),
      ]
      for (const answer of await lookAround()) expect(answer.structured['status']).toBe('ok')
      expect(await statusOf(gateway, id)).toBe('active')

      expect(await read(agent)).toMatchObject(ok())
      expect(await statusOf(gateway, id)).toBe('spent')
      expect((await gateway.api.get(`/tokens/${id}`)).body).toMatchObject({
        singleUse: true,
        spentAt: expect.stringMatching(/^20/),
      })

      expect(await read(agent)).toMatchObject(spent)
      expect(await read(agent, 'other-key')).toMatchObject(spent)
      expect((await read(agent)).text).toBe('Access denied. The single-use token is spent')
      for (const answer of await lookAround()) expect(answer.structured['status']).toBe('ok')
      expect((await agent.calls('certlocker_list_allowed_resources')).text).not.toContain(TOOL)
      const allowed = (await decisionsOf(id)).filter(({ outcome }) => outcome === 'allow')
      expect(allowed).toMatchObject([{ resource: { name: 'deploy-key' }, details: { tokenSpent: true } }])
    },
  )

  test('is not spent by a call that is refused', async () => {
    const { id, value } = await single()
    const agent = await connect(gateway.url, value)
    expect((await read(agent, 'no-such-key')).isError).toBe(true)
    expect((await agent.calls(TOOL, {})).structured['code']).toBe('ARGUMENT_INVALID')
    expect(await statusOf(gateway, id)).toBe('active')
    expect(await read(agent)).toMatchObject(ok())
  })

  test.each(clientKinds)('answers the same call with the same key again, for a minute (%s)', async (kind) => {
    const { value } = await single()
    const agent = await connect(gateway.url, value, { kind })
    expect(await read(agent, 'deploy-key', key('job-17'))).toMatchObject(ok())
    expect(await read(agent, 'deploy-key', key('job-17'))).toMatchObject(ok())
    expect(await read(agent, 'deploy-key', key('job-18'))).toMatchObject(spent)
    expect(await read(agent, 'deploy-key')).toMatchObject(spent)
    expect(await read(agent, 'other-key', key('job-17'))).toMatchObject(spent)
    expect(await agent.calls(TOOL, { name: 'deploy-key', version: 0 }, key('job-17'))).toMatchObject(spent)
    expect(await read(agent, 'deploy-key', key('job-17'))).toMatchObject(ok())
  })

  test('is dead for everybody when the minute is over', async () => {
    const { value } = await single()
    const agent = await connect(gateway.url, value)
    expect(await read(agent, 'deploy-key', key('k'))).toMatchObject(ok())
    await time.pass(50, [gateway, replica])
    expect(await read(agent, 'deploy-key', key('k'))).toMatchObject(ok())
    expect(await read(await connect(replica.url, value), 'deploy-key', key('k'))).toMatchObject(ok())
    await time.pass(10, [gateway, replica])
    for (const { url } of [gateway, replica])
      expect(await read(await connect(url, value), 'deploy-key', key('k'))).toMatchObject(spent)
  })

  test('gives nothing for a key when the first call had none', async () => {
    const { value } = await single()
    const agent = await connect(gateway.url, value)
    expect(await read(agent)).toMatchObject(ok())
    expect(await read(agent, 'deploy-key', key('late'))).toMatchObject(spent)
  })

  test('gives the new value to nobody: a new version of the secret is another call', async () => {
    const { value } = await single()
    const agent = await connect(gateway.url, value)
    await gateway.api.create('/secrets', { name: 'moving', groups: ['staging'], type: 'password', value: 'one' })
    expect((await read(agent, 'moving', key('k'))).structured).toMatchObject({ value: 'one' })
    await gateway.api.create('/secrets/moving/versions', { value: 'two' })
    expect(await read(agent, 'moving', key('k'))).toMatchObject(spent)
  })

  test.each([7, '', {}, ['k'], null, 'k'.repeat(257)])('refuses %j as a key and stays unspent', async (bad) => {
    const { id, value } = await single()
    const sessionId = await openSession(gateway.url, value)
    const params = { name: TOOL, arguments: { name: 'deploy-key' }, _meta: key(bad) }
    const answer = await rawMcp(gateway.url, {
      token: value,
      sessionId,
      message: handshakeMessage('tools/call', params),
    })
    expect(rpcOf(answer)).toMatchObject({
      result: { structuredContent: { status: 'failed', code: 'ARGUMENT_INVALID', decisionId: null } },
    })
    expect(await statusOf(gateway, id)).toBe('active')
  })
})

describe('calls that race for one token', () => {
  const codes = (answers: readonly { readonly structured: { readonly [name: string]: unknown } }[]) =>
    answers.map(({ structured }) => structured['code'] ?? structured['status']).sort()

  test('on one gateway and on two: exactly one wins, and every other is a recorded denial', async () => {
    const { id, value } = await single()
    const agents = await Promise.all([connect(gateway.url, value), connect(replica.url, value)])
    const names = ['deploy-key', 'other-key']
    const answers = await Promise.all(
      Array.from({ length: RACERS }, async (_, racer) => {
        const agent = agents[racer % 2]
        if (agent === undefined) throw new Error('no agent')
        return read(agent, names[racer % 3 === 0 ? 0 : 1])
      }),
    )
    expect(codes(answers)).toEqual([...Array.from({ length: RACERS - 1 }, () => 'TOKEN_SPENT'), 'ok'])
    const decisions = await decisionsOf(id)
    expect(decisions).toHaveLength(RACERS)
    expect(decisions.filter(({ outcome }) => outcome === 'allow')).toHaveLength(1)
    expect((await gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
  })

  test('with one key are one call: whoever loses reads what the winner read', async () => {
    const { value } = await single()
    const agents = await Promise.all([connect(gateway.url, value), connect(replica.url, value)])
    const answers = await Promise.all([...agents, ...agents].map((agent) => read(agent, 'deploy-key', key('one'))))
    expect(codes(answers)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })
})

describe('a replica that has not heard of the spending', () => {
  test('asks the database before it lets a call through', async () => {
    const { value } = await single()
    const far = await connect(replica.url, value)
    await far.calls('certlocker_list_allowed_resources')
    expect(await read(await connect(gateway.url, value))).toMatchObject(ok())
    expect(await read(far)).toMatchObject(spent)
  })
})

describe('a token for single use', () => {
  test('cannot rotate as well', async () => {
    const body = { agentId: 'ci', name: 'x', groups: ['staging'], ttlSeconds: 60, singleUse: true }
    const refused = await gateway.api.post('/tokens', { ...body, autoRotate: { everySeconds: 1, overlapSeconds: 1 } })
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'ARGUMENT_INVALID' } } })
    expect((await gateway.api.post('/tokens', { ...body, singleUse: false })).status).toBe(201)
  })
})
