import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faults } from '../../src/kernel/faults.ts'
import { connect } from '../support/agent.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, person } from '../support/person.ts'
import { openSession } from '../support/raw-mcp.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { compiled, opening } from '../unit/policy/make-bundle.ts'

/** What the policy answers when it is asked for the secret of that name, in Rego, and how the gateway takes it. */
const broken = [
  ['conflict', '{"labels": {"x": twice}}', 'GATEWAY_POLICY_ERROR'],
  ['memory', '{"labels": {"x": endless}}', 'GATEWAY_POLICY_ERROR'],
  ['nothing', undefined, 'GATEWAY_DECISION_UNDEFINED'],
  ['effect', '{"effect": "perhaps"}', 'GATEWAY_DECISION_INVALID'],
  ['schema', '{"schema": "certlocker.decision/v9"}', 'GATEWAY_DECISION_INVALID'],
  ['no-reason', '{"effect": "allow", "reasons": []}', 'GATEWAY_DECISION_INVALID'],
  ['other-call', '{"callId": "dec_other"}', 'GATEWAY_DECISION_MISMATCH'],
  [
    'obligation',
    '{"effect": "allow", "obligations": [{"type": "pray", "properties": {}}]}',
    'GATEWAY_OBLIGATION_UNKNOWN',
  ],
  [
    'use-only',
    '{"effect": "allow", "obligations": [{"type": "use_only", "properties": {}}]}',
    'GATEWAY_OBLIGATION_UNKNOWN',
  ],
  [
    'later',
    '{"effect": "allow", "obligations": [{"type": "rate_limit", "properties": {"calls": 1, "seconds": 60}}]}',
    'GATEWAY_OBLIGATION_UNKNOWN',
  ],
] as const

/** Denies everything but the reading of `fine`, and breaks in its own way for each name of the table. */
const policy = `${opening}
decision := object.union(whole, {"effect": "allow"}) if input.resource.name == "fine"

${broken.map(([name, answer]) => (answer === undefined ? '' : `decision := object.union(whole, ${answer}) if input.resource.name == "${name}"\n`)).join('\n')}
decision := denial if not input.resource.name in ${JSON.stringify(['fine', ...broken.map(([name]) => name)])}

whole := {
	"schema": "certlocker.decision/v1", "inputSchema": input.schema, "callId": input.call.id, "effect": "deny",
	"reasons": [{"code": "COMPANY_RULE", "title": "x", "severity": "low", "rule": "r", "details": {}, "visibility": "agent"}],
	"obligations": [], "approval": {"groups": [], "roles": [], "quorum": 0, "useSeconds": 0}, "labels": {},
}

denial := object.union(whole, {"reasons": [{"code": "DEFAULT_DENY", "title": "No", "severity": "low", "rule": "main", "details": {}, "visibility": "agent"}]})

twice := 1 if input.mode

twice := 2 if input.mode

endless := concat("", [x | some n in numbers.range(1, 20000000); x := "a"])
`

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let others: readonly string[]

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: ['asker', 'first', 'second', 'third'].map((name) => ({ name, groups: ['staging'] })),
    secrets: [...broken.map(([name]) => name), 'fine'].map((name) => ({ name, groups: ['staging'] })),
  })
  others = [
    (await operator(gateway, 'orla@example.com', ['staging'])).value,
    (await person(gateway, 'aud@example.com', 'auditor')).value,
  ]
  const file = join(gateway.dataDir, 'broken.tar.gz')
  await writeFile(file, await compiled(policy))
  exercised('opa')
  gateway = await gateway.restart({ CERTLOCKER_POLICY__SOURCE: pathToFileURL(file).href })
})
afterAll(() => gateway.stop())

const asker = () => connect(gateway.url, tokens['asker'] ?? '')

describe('a policy that breaks', () => {
  test.each(broken)(
    '(%s) denies that call with a code of the gateway, on record, and the next call is served',
    async (name, _, code) => {
      const agent = await asker()
      for (let round = 0; round < 2; round++) {
        const answer = await agent.calls('certlocker_get_secret', { name })
        expect(answer).toMatchObject({
          isError: true,
          text: faults[code].text,
          structured: { status: 'denied', code, decisionId: expect.stringMatching(/^dec_/) },
        })
        const { body } = await gateway.api.get('/audit?limit=5&agent=asker')
        const recorded = itemsOf(body).filter(({ requestId }) => requestId === answer.structured['requestId'])
        expect(recorded).toMatchObject([{ type: 'AI_AGENT_POLICY_DENIED', outcome: 'deny', code }])
      }
      expect((await agent.calls('certlocker_get_secret', { name: 'fine' })).structured).toMatchObject({ status: 'ok' })
    },
  )

  test('is active all the same: the gateway is ready', async () => {
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
    expect((await gateway.api.get('/policy')).body).toMatchObject({ active: { revision: 'r1' } })
  })
})

describe('owners whom the policy locks out', () => {
  test('see everything and verify the log', async () => {
    for (const path of [
      '/agents',
      '/agents/first',
      '/tokens',
      '/sessions',
      '/audit',
      '/audit/checkpoints',
      '/policy',
    ]) {
      expect((await gateway.api.get(path)).status, path).toBe(200)
    }
    expect((await gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
  })

  test.each([
    ['suspend an agent', 'AGENT_SUSPENDED', () => gateway.api.post('/agents/first/suspend', { reason: 'stop' })],
    ['revoke an agent', 'AGENT_REVOKED', () => gateway.api.post('/agents/second/revoke', { reason: 'stop' })],
    ['revoke a token', 'MCP_TOKEN_REVOKED', async () => gateway.api.post(`/tokens/${await tokenOf('third')}/revoke`)],
    [
      'end a session',
      'AI_AGENT_SESSION_ENDED',
      async () => gateway.api.post(`/sessions/${await sessionOf('asker')}/end`),
    ],
  ])('%s, on record as %s through broken glass', async (_, type, act) => {
    const answer = await act()
    expect(answer.status).toBe(200)
    const { body } = await gateway.api.get(`/audit?type=${type}&limit=10`)
    expect(itemsOf(body).find(({ requestId }) => requestId === answer.headers.get('x-request-id'))).toMatchObject({
      type,
      actor: { name: 'bootstrap-admin' },
      decisionId: expect.stringMatching(/^dec_/),
      details: { breakGlass: true },
    })
  })

  test.each([
    ['resume', () => gateway.api.post('/agents/first/resume', { reason: 'go' })],
    ['change an agent', () => gateway.api.patch('/agents/asker', { riskLevel: 'low' })],
    ['make a group', () => gateway.api.post('/groups', { name: 'more', environment: 'staging' })],
    [
      'mint a token',
      () => gateway.api.post('/tokens', { agentId: 'asker', name: 'x', groups: ['staging'], ttlSeconds: 60 }),
    ],
    ['change a secret', () => gateway.api.post('/secrets/other/versions', { value: 'x' })],
    ['reveal a secret', () => gateway.api.post('/secrets/other/reveal')],
    ['mint a key', () => gateway.api.post('/api-keys', { person: 'orla@example.com', name: 'x', ttlSeconds: 60 })],
  ])('do not %s', async (_, act) => {
    const answer = await act()
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'DEFAULT_DENY' } } })
    const { body } = await gateway.api.get('/audit?type=API_POLICY_DENIED&limit=1')
    expect(itemsOf(body)).toMatchObject([{ requestId: answer.headers.get('x-request-id'), outcome: 'deny' }])
  })

  test('are admins: nobody else gets through', async () => {
    for (const key of others) {
      const api = restClient(gateway.url, key)
      expect((await api.get('/agents')).status).toBe(403)
      expect((await api.post('/agents/asker/suspend', { reason: 'stop' })).status).toBe(403)
      expect((await api.get('/audit/verify')).status).toBe(403)
    }
  })

  test('find everything as it was once the policy is whole again', async () => {
    gateway = await gateway.restart({
      CERTLOCKER_POLICY__SOURCE: new URL('../../bundles/certlocker.tar.gz', import.meta.url).href,
    })
    const agents = itemsOf((await gateway.api.get('/agents')).body)
    expect(Object.fromEntries(agents.map(({ name, status }) => [name, status]))).toEqual({
      asker: 'active',
      first: 'suspended',
      second: 'revoked',
      third: 'active',
    })
  })
})

describe('a bundle that is no policy', () => {
  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['no archive', 'not a bundle'],
  ])('(%s) keeps a new gateway from starting; one with a last good bundle goes on with that', async (name, content) => {
    const file = join(gateway.dataDir, `${name}.tar.gz`)
    if (content !== undefined) await writeFile(file, content)
    const settings = { CERTLOCKER_POLICY__SOURCE: pathToFileURL(file).href }
    await expect(testGateway(settings)).rejects.toMatchObject({
      fault: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('policy') },
    })
    gateway = await gateway.restart(settings)
    expect((await gateway.api.get('/policy')).body).toMatchObject({
      active: { revision: 'r1' },
      lastError: { code: expect.stringMatching(/^BUNDLE_/), source: settings.CERTLOCKER_POLICY__SOURCE },
    })
  })
})

async function tokenOf(agent: string): Promise<string> {
  return String(itemsOf((await gateway.api.get(`/tokens?agent=${agent}`)).body)[0]?.['id'])
}

async function sessionOf(agent: string): Promise<string> {
  return openSession(gateway.url, tokens[agent] ?? '')
}
