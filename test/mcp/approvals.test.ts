import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, clientKinds, connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type Person, person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const READ = 'certlocker_get_secret'
const LOOK = 'certlocker_get_approval'
const ASK = 'certlocker_request_approval'
const HOLD_SECONDS = 20

let gateway: TestGateway
let replica: TestGateway
let tokens: Readonly<Record<string, string>>
let bo: Person
let cy: Person

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: ['deployer', 'paused', 'gone', 'asking', 'busy', 'holding', 'elsewhere'].map((name) => ({
      name,
      groups: [name === 'elsewhere' ? 'edge' : 'prod'],
      scopes: ['secret:read', 'approval:request'],
    })),
    secrets: [
      'alpha',
      'beta',
      'gamma',
      'delta',
      'epsilon',
      'zeta',
      'eta',
      'theta',
      'iota',
      'kappa',
      'lambda',
      'mu',
    ].map((name) => ({ name, groups: ['prod'] })),
  })
  bo = await person(gateway, 'bo@example.com', 'approver', ['prod'])
  cy = await person(gateway, 'cy@example.com', 'approver', ['prod'])
  replica = await gateway.replica({ CERTLOCKER_APPROVALS__HOLD_SECONDS: String(HOLD_SECONDS) })
})
afterAll(async () => {
  await replica.stop()
  await gateway.stop()
})

const agentOf = (name: string, more: Parameters<typeof connect>[2] = {}, at = gateway) =>
  connect(at.url, tokens[name] ?? '', more)
const read = (agent: Agent, name: string, more: object = {}) => agent.calls(READ, { name, ...more })
const ok = (name: string) => ({ isError: false, structured: { status: 'ok', value: `value-of-${name}` } })
const idOf = ({ structured }: { readonly structured: { readonly [name: string]: unknown } }) =>
  String(structured['approvalId'])
const decide = (by: Person, id: string, verdict: 'approve' | 'deny', comment = '') =>
  by.api.post(`/approvals/${id}/${verdict}`, { comment })
const statusOf = async (id: string) => (await gateway.api.get(`/approvals/${id}`)).body['status']

async function eventsOf(approvalId: string) {
  const { body } = await gateway.api.get('/audit?limit=200&order=asc')
  return itemsOf(body).filter(({ details }) => JSON.stringify(details).includes(approvalId))
}

describe('a call that people approved', () => {
  test.each(clientKinds)('runs exactly once, and then needs a new approval (%s)', async (kind) => {
    const agent = await agentOf('deployer', { kind })
    const waiting = await read(agent, 'alpha')
    expect(waiting.structured).toMatchObject({ status: 'approval_required', retryAfterMs: 5000 })
    const id = idOf(waiting)
    expect(await decide(bo, id, 'approve', 'CHG-1')).toMatchObject({
      status: 200,
      body: { status: 'approved', votes: [{ person: 'bo@example.com', verdict: 'approve', comment: 'CHG-1' }] },
    })
    const granted = await read(agent, 'alpha')
    expect(granted).toMatchObject(ok('alpha'))
    expect(await statusOf(id)).toBe('consumed')
    const again = await read(agent, 'alpha')
    expect(again.structured['status']).toBe('approval_required')
    expect(idOf(again)).not.toBe(id)
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
      'APPROVAL_REQUESTED',
      'APPROVAL_VOTED',
      'APPROVAL_APPROVED',
      'AI_AGENT_POLICY_ALLOWED',
      'APPROVAL_CONSUMED',
    ])
    const [allowed] = itemsOf((await gateway.api.get('/audit?type=AI_AGENT_POLICY_ALLOWED&resource=alpha')).body)
    expect(allowed).toMatchObject({ attempt: 1, decisionId: granted.structured['decisionId'] })
    await decide(bo, idOf(again), 'deny')
    // The same call stays denied now, so the next client asks for another version.
    await gateway.api.create('/secrets/alpha/versions', { value: 'value-of-alpha' })
  })

  test('runs once although it is sent ten times at once', async () => {
    const agent = await agentOf('busy')
    const id = idOf(await read(agent, 'beta'))
    await decide(bo, id, 'approve')
    const other = await gateway.replica()
    const second = await agentOf('busy', {}, other)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => read(index % 2 === 0 ? agent : second, 'beta')),
    )
    await other.stop()
    expect(answers.filter(({ structured }) => structured['status'] === 'ok')).toHaveLength(1)
    expect((await eventsOf(id)).filter(({ type }) => type === 'APPROVAL_CONSUMED')).toHaveLength(1)
  })

  test('is approved with exactly its arguments and its version: others need an approval of their own', async () => {
    const agent = await agentOf('deployer')
    const id = idOf(await read(agent, 'gamma'))
    await decide(bo, id, 'approve')
    const changed = await read(agent, 'gamma', { version: 0 })
    expect(changed.structured['status']).toBe('approval_required')
    expect(idOf(changed)).not.toBe(id)
    await gateway.api.create('/secrets/gamma/versions', { value: 'second-value' })
    const newer = await read(agent, 'gamma')
    expect(newer.structured['status']).toBe('approval_required')
    expect([id, idOf(changed)]).not.toContain(idOf(newer))
    expect(await statusOf(id)).toBe('approved')
  })

  test('is bound to its agent: another one with the same rights gets nothing of it', async () => {
    const id = idOf(await read(await agentOf('deployer'), 'delta'))
    await decide(bo, id, 'approve')
    expect((await read(await agentOf('busy'), 'delta')).structured['status']).toBe('approval_required')
    expect(await read(await agentOf('deployer'), 'delta')).toMatchObject(ok('delta'))
  })
})

describe('a call that was refused by people', () => {
  test('is denied for a while, with the reason of the policy', async () => {
    const agent = await agentOf('deployer')
    const id = idOf(await read(agent, 'epsilon'))
    expect(await decide(bo, id, 'deny', 'no window')).toMatchObject({ status: 200, body: { status: 'denied' } })
    expect(await read(agent, 'epsilon')).toMatchObject({
      isError: true,
      structured: { status: 'denied', code: 'APPROVAL_DENIED' },
    })
    expect(await decide(cy, id, 'approve')).toMatchObject({ status: 409, body: { error: { code: 'STATE_CONFLICT' } } })
  })
})

describe('a held call', () => {
  test.each(clientKinds)(
    'is completed by a decision on another replica, with progress until then (%s)',
    async (kind) => {
      const agent = await agentOf('holding', { kind }, replica)
      const heard: string[] = []
      const calling = agent.follows(READ, { name: 'zeta' }, (message) => heard.push(message))
      await until(async () => heard.length > 0)
      const [pending] = itemsOf((await gateway.api.get('/approvals?status=pending&agent=holding')).body)
      const id = String(pending?.['id'])
      expect(heard[0]).toBe(`Approval ${id} waits for a decision`)
      const approvedAt = performance.now()
      await decide(bo, id, 'approve')
      const answer = await calling
      expect(answer).toMatchObject(ok('zeta'))
      // A second or two on a busy machine; far from the end of the hold.
      expect(performance.now() - approvedAt).toBeLessThan((HOLD_SECONDS * 1_000) / 2)
      const { requestId } = answer.structured
      const events = itemsOf((await gateway.api.get('/audit?limit=200&agent=holding&order=asc')).body).filter(
        (event) => event['requestId'] === requestId,
      )
      expect(events.map(({ type, attempt }) => [type, attempt])).toEqual([
        ['AI_AGENT_APPROVAL_REQUIRED', 1],
        ['APPROVAL_REQUESTED', null],
        ['AI_AGENT_POLICY_ALLOWED', 2],
        ['APPROVAL_CONSUMED', 2],
        ['AI_AGENT_CALL_COMPLETED', null],
      ])
    },
  )

  test('is announced to every replica as soon as its approval is decided', async () => {
    const agent = await agentOf('holding')
    const id = idOf(await read(agent, 'mu'))
    const listener = new pg.Client(gateway.databaseUrl)
    await listener.connect()
    const announced = new Promise((resolve) => listener.once('notification', resolve))
    await listener.query('LISTEN certlocker_approvals')
    await decide(bo, id, 'approve')
    expect(await announced).toMatchObject({ channel: 'certlocker_approvals' })
    await listener.end()
  })

  test('without a progress token is held for five seconds at most', async () => {
    const agent = await agentOf('holding', {}, replica)
    const startedAt = performance.now()
    expect((await read(agent, 'eta')).structured['status']).toBe('approval_required')
    const ms = performance.now() - startedAt
    expect(ms).toBeGreaterThan(4_500)
    expect(ms).toBeLessThan((HOLD_SECONDS * 1_000) / 2)
  })

  test('is told a denial, and the end of its agent', async () => {
    const agent = await agentOf('holding', {}, replica)
    const denying = agent.follows(READ, { name: 'eta' }, () => undefined)
    const id = idOf(await read(await agentOf('holding'), 'eta'))
    await decide(bo, id, 'deny')
    expect((await denying).structured['code']).toBe('APPROVAL_DENIED')

    let held = false
    const calling = agent.follows(READ, { name: 'theta' }, () => {
      held = true
    })
    await until(async () => held)
    await gateway.api.post('/agents/holding/revoke', { reason: 'test' })
    expect((await calling).structured).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
  })

  test('is answered as pending at once when the gateway stops', async () => {
    const stopping = await gateway.replica({ CERTLOCKER_APPROVALS__HOLD_SECONDS: '50' })
    const agent = await agentOf('busy', {}, stopping)
    let held = false
    const calling = agent.follows(READ, { name: 'iota' }, () => {
      held = true
    })
    await until(async () => held)
    const startedAt = performance.now()
    const [answer] = await Promise.all([calling, stopping.stop()])
    expect(answer.structured['status']).toBe('approval_required')
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})

describe('an agent that is stopped between approval and use', () => {
  test('gets nothing while it is suspended, nobody decides meanwhile, and it goes on afterwards', async () => {
    const agent = await agentOf('paused')
    const approved = idOf(await read(agent, 'kappa'))
    const pending = idOf(await read(agent, 'lambda'))
    await decide(bo, approved, 'approve')
    await gateway.api.post('/agents/paused/suspend', { reason: 'look' })
    await expect(read(agent, 'kappa')).rejects.toThrow()
    expect((await gateway.api.get(`/approvals/${pending}`)).body).toMatchObject({ status: 'pending', frozen: true })
    expect(await decide(bo, pending, 'approve')).toMatchObject({
      status: 409,
      body: { error: { message: 'The approval is frozen: its agent is suspended' } },
    })
    await gateway.api.post('/agents/paused/resume', { reason: 'looked' })
    expect(await read(await agentOf('paused'), 'kappa')).toMatchObject(ok('kappa'))
    expect((await decide(bo, pending, 'approve')).status).toBe(200)
  })

  test('loses what was approved when it is revoked', async () => {
    const agent = await agentOf('gone')
    const approved = idOf(await read(agent, 'kappa'))
    const pending = idOf(await read(agent, 'lambda'))
    await decide(bo, approved, 'approve')
    await gateway.api.post('/agents/gone/revoke', { reason: 'test' })
    expect([await statusOf(approved), await statusOf(pending)]).toEqual(['cancelled', 'cancelled'])
    expect((await decide(bo, pending, 'approve')).status).toBe(409)
  })
})

describe('asking ahead', () => {
  test('opens the approval of exactly that call, which then runs once', async () => {
    const agent = await agentOf('asking')
    const action = { tool: READ, arguments: { name: 'alpha' } }
    const asked = await agent.calls(ASK, { action, reason: 'deploy at noon' })
    expect(asked.structured).toMatchObject({ status: 'ok', approvalStatus: 'pending' })
    const id = idOf(asked)
    expect(idOf(await read(agent, 'alpha'))).toBe(id)
    expect((await bo.api.get(`/approvals/${id}`)).body).toMatchObject({
      tool: READ,
      arguments: { name: 'alpha' },
      claimed: { reason: 'deploy at noon' },
      similar: expect.arrayContaining([expect.objectContaining({ agent: 'deployer', status: 'consumed' })]),
    })
    expect((await agent.calls(LOOK, { approvalId: id })).structured).toMatchObject({
      approvalStatus: 'pending',
      decidedAt: null,
      useBefore: null,
    })
    const looking = agent.calls(LOOK, { approvalId: id, waitSeconds: 10 })
    await decide(bo, id, 'approve')
    expect((await looking).structured).toMatchObject({
      approvalStatus: 'approved',
      decidedAt: expect.stringMatching(/Z$/),
      useBefore: expect.stringMatching(/Z$/),
    })
    expect((await agent.calls(ASK, { action, reason: 'again' })).structured).toMatchObject({
      approvalStatus: 'approved',
      approvalId: id,
    })
    expect((await read(agent, 'alpha')).structured['status']).toBe('ok')
    expect((await agent.calls(LOOK, { approvalId: id })).structured['approvalStatus']).toBe('consumed')
  })

  test('answers what the policy would: nothing is needed, or that denial', async () => {
    const agent = await agentOf('asking')
    const ask = (tool: string, args: object) =>
      agent.calls(ASK, { action: { tool, arguments: args }, reason: 'because' })
    expect((await ask('certlocker_list_allowed_resources', {})).structured).toMatchObject({
      status: 'ok',
      approvalStatus: 'not_required',
    })
    expect(await ask(READ, { name: 'no-such-secret' })).toMatchObject({
      isError: true,
      structured: { status: 'denied', code: 'RESOURCE_UNKNOWN' },
      text: 'Access denied. No secret of that name is available',
    })
    expect((await ask(READ, { nome: 'x' })).structured).toMatchObject({ status: 'failed', code: 'ARGUMENT_INVALID' })
    expect((await ask('certlocker_delete', {})).structured['code']).toBe('ARGUMENT_INVALID')
    expect((await agent.calls(ASK, { reason: 'none' })).structured['code']).toBe('ARGUMENT_INVALID')
  })

  test('records a decision about something outside, which unlocks nothing', async () => {
    const agent = await agentOf('asking')
    const decision = { title: 'Fail over to eu-west?', details: 'Latency doubled\u0007' }
    const asked = await agent.calls(ASK, { decision, reason: 'runbook' })
    const id = idOf(asked)
    expect((await bo.api.get(`/approvals/${id}`)).body).toMatchObject({
      kind: 'decision',
      resource: null,
      groups: ['prod'],
      arguments: { decision: { title: 'Fail over to eu-west?', details: 'Latency doubled' } },
    })
    expect((await decide(bo, id, 'approve', 'yes')).status).toBe(200)
    expect((await agent.calls(LOOK, { approvalId: id })).structured).toMatchObject({
      approvalStatus: 'approved',
      useBefore: null,
    })
  })

  test('shows an approver of what was asked before only what concerns their groups', async () => {
    const asked = (title: string) => ({ decision: { title, details: '' }, reason: 'runbook' })
    const other = idOf(await (await agentOf('elsewhere')).calls(ASK, asked('Buy their competitor?')))
    const id = idOf(await (await agentOf('asking')).calls(ASK, asked('Restart the proxy?')))
    const shown = async ({ api }: Pick<Person, 'api'>) => JSON.stringify((await api.get(`/approvals/${id}`)).body)
    expect(await shown(gateway)).toContain(other)
    expect(await shown(bo)).toContain('Fail over to eu-west?')
    expect(await shown(bo)).not.toContain(other)
  })

  test('shows no agent the approvals of another', async () => {
    const id = idOf(await read(await agentOf('busy'), 'lambda'))
    const answer = await (await agentOf('asking')).calls(LOOK, { approvalId: id })
    expect(answer.structured).toMatchObject({ status: 'failed', code: 'NOT_FOUND' })
  })
})
