import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probesPerMinuteMax } from '../../src/domain/probes/run-probe.ts'
import { type Agent, clientKinds, connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { type Certificate, certificate, type TlsEndpoint, tlsEndpoint } from '../support/tls-endpoint.ts'
import { mint } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000

let gateway: TestGateway
let old: Certificate
let endpoint: TlsEndpoint
let expired: TlsEndpoint
let renewal: Agent
let support: Agent
let supportToken: string
let stranger: Agent

beforeAll(async () => {
  old = await certificate()
  endpoint = await tlsEndpoint(old)
  expired = await tlsEndpoint(
    await certificate({ notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }),
  )
  gateway = await testGateway({ CERTLOCKER_EGRESS__PRIVATE_CIDRS: '127.0.0.0/8' })
  const tokens = await given(gateway, {
    agents: [
      {
        name: 'renewal',
        groups: ['staging'],
        scopes: ['probe:create', 'probe:read', 'secret:read', 'audit:write'],
        riskLevel: 'low',
      },
      { name: 'support', groups: ['staging'], scopes: ['certificate:read', 'probe:read'] },
      { name: 'busy', groups: ['staging'], scopes: ['probe:create'] },
      { name: 'stranger', groups: ['other'], scopes: ['probe:create', 'probe:read'] },
    ],
    secrets: [{ name: 'staging-login', groups: ['staging'], value: 'hunter2hunter2' }],
  })
  const probeTargets = [
    `127.0.0.1:${endpoint.port}`,
    `127.0.0.1:${expired.port}`,
    `localhost:${endpoint.port}`,
    '127.0.0.1:9',
  ]
  const forbidden = ['169.254.169.254:80', '169.254.169.254:443', '10.0.0.1:443', '[::1]:443']
  const { status } = await gateway.api.patch('/groups/staging', { probeTargets: [...probeTargets, ...forbidden] })
  expect(status).toBe(200)
  supportToken = tokens['support'] ?? ''
  const open = (name: string) => connect(gateway.url, tokens[name] ?? '')
  ;[renewal, support, stranger] = await Promise.all([open('renewal'), open('support'), open('stranger')])
})
afterAll(async () => {
  await gateway.stop()
  await Promise.all([endpoint.stop(), expired.stop()])
})

const events = async (type: string) => itemsOf((await gateway.api.get(`/audit?type=${type}&limit=200`)).body)

describe('S7: is it down, or did the certificate expire', () => {
  test.each(clientKinds)('is answered by two read scopes from what others probed (%s)', async (kind) => {
    const support = await connect(gateway.url, supportToken, { kind })
    await renewal.calls('certlocker_create_probe', { target: '127.0.0.1:9' })
    await renewal.calls('certlocker_create_probe', { target: `127.0.0.1:${expired.port}` })
    expect(await support.toolNames()).not.toContain('certlocker_create_probe')
    const down = await support.calls('certlocker_get_probe', { target: '127.0.0.1:9' })
    expect(down.structured).toMatchObject({ status: 'ok', verdict: 'down', addresses: [{ reachability: 'refused' }] })
    const over = await support.calls('certlocker_get_probe', { target: `127.0.0.1:${expired.port}` })
    expect(over.structured).toMatchObject({
      status: 'ok',
      verdict: 'expired',
      addresses: [{ expiry: { expired: true } }],
    })
    expect(over.text).not.toContain('PRIVATE KEY')
    await support.close()
  })

  test('is not answered about probes of other groups, nor about what nobody probed', async () => {
    const { structured } = await renewal.calls('certlocker_create_probe', { target: `127.0.0.1:${endpoint.port}` })
    const other = await stranger.calls('certlocker_get_probe', { probeId: structured['probeId'] })
    expect(other.structured).toMatchObject({ status: 'denied', code: 'GROUP_MISMATCH' })
    const byTarget = await stranger.calls('certlocker_get_probe', { target: `127.0.0.1:${endpoint.port}` })
    expect(byTarget.structured).toMatchObject({ status: 'denied', code: 'RESOURCE_UNKNOWN' })
    const none = await support.calls('certlocker_get_probe', { target: 'never.example.com:443' })
    expect(none.structured).toMatchObject({ status: 'denied', code: 'RESOURCE_UNKNOWN' })
  })
})

describe('the list of allowed resources', () => {
  const list = async (agent: Agent, args: object = {}) =>
    itemsOf((await agent.calls('certlocker_list_allowed_resources', { type: 'probe', ...args })).structured)

  test('shows the endpoints that may be probed and the probes that may be read, each to whom it concerns', async () => {
    const target = `127.0.0.1:${endpoint.port}`
    const [one] = await list(renewal, { query: target })
    expect(one).toMatchObject({
      type: 'probe',
      name: target,
      groups: ['staging'],
      environment: 'staging',
      version: null,
    })
    expect(one).toMatchObject({ actions: { certlocker_create_probe: 'allow', certlocker_get_probe: 'allow' } })
    const [read] = await list(support, { query: target })
    expect(read).toMatchObject({ name: target, actions: { certlocker_get_probe: 'allow' } })
    expect(read).not.toMatchObject({ actions: { certlocker_create_probe: 'allow' } })
    expect(await list(stranger)).toEqual([])
  })

  test('leaves out what the policy would refuse, and goes on page by page', async () => {
    const names = (await list(renewal)).map(({ name }) => String(name))
    expect(
      names.filter((name) => name.startsWith('169.254.') || name.startsWith('10.') || name.includes('::1')),
    ).toEqual([])
    const first = await renewal.calls('certlocker_list_allowed_resources', { type: 'probe', limit: 1 })
    const cursor = first.structured['nextCursor']
    const rest = await renewal.calls('certlocker_list_allowed_resources', { type: 'probe', cursor })
    expect([...itemsOf(first.structured), ...itemsOf(rest.structured)].map(({ name }) => name)).toEqual(names)
  })
})

describe('S5: a renewal is proven by a probe', () => {
  test('that names the old certificate until the endpoint was reloaded', async () => {
    const next = await certificate()
    const target = `https://localhost:${endpoint.port}/health`
    const asked = { target, expectCertificate: next.fingerprint }
    const before = await renewal.calls('certlocker_create_probe', asked)
    expect(before.structured).toMatchObject({ status: 'ok', verdict: 'wrong_certificate' })
    expect(before.text).toContain(old.fingerprint)
    endpoint.reload(next)
    const after = await renewal.calls('certlocker_create_probe', asked)
    expect(after.structured).toMatchObject({ status: 'ok', verdict: 'up' })
    expect(after.text).toContain('"servedMatchesExpected":true')
    expect(after.text).not.toContain('hello world')
    const [completed] = await events('PROBE_COMPLETED')
    expect(completed).toMatchObject({
      agent: { name: 'renewal' },
      resource: { type: 'probe' },
      details: { verdict: 'up' },
    })
    expect(await events('PROBE_CREATED')).not.toHaveLength(0)
  })

  test('and refuses a name of a certificate that is none', async () => {
    const answer = await renewal.calls('certlocker_create_probe', {
      target: `127.0.0.1:${endpoint.port}`,
      expectCertificate: 'no-such-certificate',
    })
    expect(answer.structured).toMatchObject({ status: 'failed', code: 'REFERENCE_UNKNOWN' })
  })

  test('with a token for a single use that is spent by it', async () => {
    const { value } = await mint(gateway, 'renewal', { singleUse: true, ttlSeconds: 600 })
    const once = await connect(gateway.url, value)
    const target = `127.0.0.1:${endpoint.port}`
    const key = { 'certlocker/idempotencyKey': 'job-17' }
    const racing = await Promise.all([1, 2].map(() => once.calls('certlocker_create_probe', { target }, key)))
    expect(racing.map(({ structured }) => structured['status'])).toContain('ok')
    const asked = endpoint.handshakes()
    const repeated = await once.calls('certlocker_create_probe', { target }, key)
    expect(repeated.structured).toMatchObject({ status: 'ok', verdict: 'up' })
    for (const { structured } of racing)
      if (structured['status'] === 'ok') expect(structured['probeId']).toBe(repeated.structured['probeId'])
    expect(endpoint.handshakes()).toBe(asked)
    const made = (await events('PROBE_CREATED')).filter((event) =>
      JSON.stringify(event).includes(String(repeated.structured['probeId'])),
    )
    expect(made).toHaveLength(1)
    const again = await once.calls('certlocker_create_probe', { target: '127.0.0.1:9' })
    expect(again.structured).toMatchObject({ status: 'denied', code: 'TOKEN_SPENT' })
    expect((await once.calls('certlocker_get_probe', { target })).structured).toMatchObject({ status: 'ok' })
  })
})

describe('S23: an agent that is told to smuggle a secret out', () => {
  test.each([
    'https://169.254.169.254/latest/meta-data/',
    '169.254.169.254:80',
    '10.0.0.1:443',
    '[::1]:443',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://[::ffff:169.254.169.254]/',
    'http://127.0.0.1/',
    'https://user@127.0.0.1/',
    'unregistered.example.com:443',
  ])('probes nothing at %s, and the attempt is on record', async (target) => {
    const answer = await renewal.calls('certlocker_create_probe', { target })
    expect(answer.structured).toMatchObject({ status: 'denied', code: 'PROBE_TARGET_FORBIDDEN' })
    expect(answer.text).toMatch(/^Access denied\. The probe target /)
    const [event] = await events('AI_AGENT_POLICY_DENIED')
    expect(event).toMatchObject({ code: 'PROBE_TARGET_FORBIDDEN', tool: 'certlocker_create_probe' })
  })

  test('probes nothing that only another group registers', async () => {
    const answer = await stranger.calls('certlocker_create_probe', { target: `127.0.0.1:${endpoint.port}` })
    expect(answer.structured).toMatchObject({ status: 'denied', code: 'PROBE_TARGET_FORBIDDEN' })
  })

  test('finds the value blanked in a probe of a registered endpoint', async () => {
    const { structured } = await renewal.calls('certlocker_get_secret', { name: 'staging-login' })
    expect(structured).toMatchObject({ value: 'hunter2hunter2' })
    const target = `https://127.0.0.1:${endpoint.port}/x?v=hunter2hunter2`
    const answer = await renewal.calls('certlocker_create_probe', { target })
    expect(answer.text).not.toContain('hunter2hunter2')
    expect(endpoint.requests.join('')).not.toContain('hunter2hunter2')
    expect(JSON.stringify((await gateway.api.get('/audit?limit=20')).body)).not.toContain('hunter2hunter2')
  })
})

test('an agent makes so many probes a minute, whichever of its tokens and replicas it asks', async () => {
  const replica = await gateway.replica()
  const { value } = await mint(gateway, 'busy', { ttlSeconds: 600 })
  const { value: other } = await mint(gateway, 'busy', { ttlSeconds: 600 })
  const agents = await Promise.all([connect(gateway.url, value), connect(replica.url, other)])
  const ask = async (index: number) =>
    agents[index % 2]?.calls('certlocker_create_probe', { target: `127.0.0.1:${endpoint.port}` })
  const answers = await Promise.all(Array.from({ length: probesPerMinuteMax + 5 }, (_, index) => ask(index)))
  const codes = answers.map((answer) => answer?.structured['code'] ?? answer?.structured['status'])
  expect(codes.filter((code) => code === 'ok')).toHaveLength(probesPerMinuteMax)
  expect(codes.filter((code) => code === 'PROBE_LIMIT')).toHaveLength(5)
  await Promise.all(agents.map((agent) => agent.close()))
  await replica.stop()
})

describe('people', () => {
  test('make probes, once or again and again, and read what they found', async () => {
    const target = `https://127.0.0.1:${endpoint.port}/`
    const made = await gateway.api.post('/probes', { target, groups: ['staging'], everySeconds: 10 })
    expect(made).toMatchObject({ status: 201, body: { target, verdict: 'up', everySeconds: 10, groups: ['staging'] } })
    const { body } = await gateway.api.get(`/probes?target=${encodeURIComponent(target)}&group=staging`)
    expect(itemsOf(body)).toHaveLength(1)
    const id = String(itemsOf(body)[0]?.['id'])
    expect(await gateway.api.get(`/probes/${id}`)).toMatchObject({ status: 200, body: { id, verdict: 'up' } })
    expect((await gateway.api.get('/probes/prb_none')).status).toBe(404)
  })

  test.each(['169.254.169.254:80', 'https://2130706433/', '10.0.0.1:443', 'http://localhost/'])(
    'probe nothing at %s either',
    async (target) => {
      const answer = await gateway.api.post('/probes', { target, groups: ['staging'] })
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'PROBE_TARGET_FORBIDDEN' } } })
    },
  )
})

describe('a scheduled probe', () => {
  test('runs again by itself on whichever replica is first, and tells what changed', async () => {
    const proxy = await tlsEndpoint(old)
    const target = `127.0.0.1:${proxy.port}`
    const { body } = await gateway.api.post('/probes', { target, groups: ['staging'], everySeconds: 10 })
    expect(body).toMatchObject({ verdict: 'up' })
    await proxy.stop()
    const database = new pg.Client({ connectionString: gateway.databaseUrl })
    await database.connect()
    await database.query('UPDATE probes SET next_at = now() WHERE target = $1', [target])
    await until(async () => {
      const { body: now } = await gateway.api.get(`/probes/${String(body['id'])}`)
      return now['verdict'] === 'down'
    })
    const { rows } = await database.query('SELECT next_at > now() AS later FROM probes WHERE target = $1', [target])
    expect(rows).toEqual([{ later: true }])
    await database.end()
    const stopped = await gateway.api.patch(`/probes/${String(body['id'])}`, { everySeconds: null })
    expect(stopped).toMatchObject({ status: 200, body: { everySeconds: null, verdict: 'down' } })
    expect(await gateway.api.patch(`/probes/${String(body['id'])}`, { target: '127.0.0.1:9' })).toMatchObject({
      status: 400,
    })
    const unknown = await gateway.api.patch(`/probes/${String(body['id'])}`, { expectCertificate: 'none' })
    expect(unknown).toMatchObject({ status: 400, body: { error: { code: 'REFERENCE_UNKNOWN' } } })
    const [updated] = await events('PROBE_UPDATED')
    expect(updated).toMatchObject({ details: { before: { everySeconds: 10 }, after: { everySeconds: null } } })
    const [completed] = await events('PROBE_COMPLETED')
    expect(completed).toMatchObject({ actor: { kind: 'system' }, details: { verdict: 'down' } })
  })
})
