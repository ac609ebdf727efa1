import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, type ClientKind, clientKinds, connect } from '../support/agent.ts'
import { given, owner } from '../support/given.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'claude-code-e2e', groups: ['staging'] },
      {
        name: 'cursor-ops',
        groups: ['edge'],
        scopes: ['secret:read', 'host:read', 'ssh_session:request'],
        riskLevel: 'high',
      },
      { name: 'docs-agent', groups: ['edge'], scopes: ['certificate:read', 'host:read'] },
      { name: 'note-taker', groups: ['staging'], scopes: ['secret:read', 'audit:write'] },
      { name: 'injected', groups: ['staging'] },
      { name: 'deploy-bot', groups: ['prod'], riskLevel: 'low' },
    ],
    secrets: [
      { name: 'staging-login-password', groups: ['staging'], value: 'correct horse' },
      { name: 'prod-db-password', groups: ['prod'] },
      { name: 'prod-deploy-key', groups: ['prod'] },
      { name: 'edge-api-key', groups: ['edge'] },
    ],
    hosts: [
      { name: 'edge-proxy-01', groups: ['edge'] },
      { name: 'prod-db-01', groups: ['prod'] },
    ],
  })
})
afterAll(() => gateway.stop())

async function as(agent: string, kind: ClientKind = 'sdk v2, 2026-07-28'): Promise<Agent> {
  return connect(gateway.url, tokens[agent] ?? '', { kind, name: agent })
}

async function events(filter: string) {
  const answer = await gateway.api.get(`/audit?limit=200&${filter}`)
  return answer.body['items'] as readonly { readonly [name: string]: unknown }[]
}

describe('a coding agent with a staging token', () => {
  test.each(clientKinds)('reads a staging secret, and the log names agent, version and session (%s)', async (kind) => {
    const before = await gateway.api.create('/secrets/staging-login-password/versions', {
      value: `correct horse ${kind}`,
    })
    const agent = await as('claude-code-e2e', kind)
    const answer = await agent.calls('certlocker_get_secret', { name: 'staging-login-password' })
    expect(answer).toMatchObject({
      isError: false,
      structured: { status: 'ok', name: 'staging-login-password', groups: ['staging'], value: `correct horse ${kind}` },
    })
    expect(JSON.parse(answer.text)).toEqual(answer.structured)
    const recorded = (await events('agent=claude-code-e2e&resource=staging-login-password')).filter(
      (event) => event['requestId'] === answer.structured['requestId'],
    )
    expect(recorded.map((event) => event['type']).sort()).toEqual([
      'AI_AGENT_CALL_COMPLETED',
      'AI_AGENT_POLICY_ALLOWED',
    ])
    const version = answer.structured['version']
    expect(before).toBeDefined()
    for (const event of recorded) {
      expect(event).toMatchObject({
        agent: { name: 'claude-code-e2e', owner, riskLevel: 'medium' },
        tool: 'certlocker_get_secret',
        resource: { type: 'secret', name: 'staging-login-password', version },
        client: { name: 'claude-code-e2e' },
        sessionId: expect.stringMatching(/^ses_/),
        tokenId: expect.stringMatching(/^tok_/),
        decisionId: answer.structured['decisionId'],
      })
    }
    await agent.close()
  })

  test('sees the names of its own groups and never a value', async () => {
    const agent = await as('claude-code-e2e')
    const { structured, text } = await agent.calls('certlocker_list_allowed_resources')
    expect(structured['items']).toMatchObject([
      {
        type: 'secret',
        name: 'staging-login-password',
        environment: 'staging',
        notAfter: null,
        actions: { certlocker_get_secret: 'allow' },
      },
    ])
    expect(text).not.toContain('correct horse')
  })

  test('is refused a production secret in the words of the contract, whatever form the question takes', async () => {
    const { items } = (await gateway.api.get('/secrets')).body as { items: { id: string; name: string }[] }
    const id = items.find(({ name }) => name === 'prod-db-password')?.id ?? ''
    const agent = await as('claude-code-e2e')
    const byName = await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
    expect(byName).toMatchObject({
      isError: true,
      text: 'Access denied. Token is scoped to groups [staging], secret is in [prod]',
      structured: { status: 'denied', code: 'GROUP_MISMATCH' },
    })
    for (const name of [
      id,
      'Prod-DB-Password',
      'prod-db-passwοrd',
      ' prod-db-password',
      '../prod-db-password',
      '%2e%2e/prod-db-password',
    ]) {
      const answer = await agent.calls('certlocker_get_secret', { name })
      expect(answer, name).toMatchObject({
        isError: true,
        text: 'Access denied. No secret of that name is available',
        structured: { code: 'RESOURCE_UNKNOWN' },
      })
      const [event] = await events(`type=AI_AGENT_POLICY_DENIED&agent=claude-code-e2e`)
      expect(event).toMatchObject({ requestId: answer.structured['requestId'], outcome: 'deny' })
    }
    const overRest = await restClient(gateway.url, tokens['claude-code-e2e'] ?? '').get('/secrets/prod-db-password')
    expect(overRest.status).toBe(401)
  })
})

test('cursor-ops, scoped to edge, is refused the production database password, and the attempt is on record', async () => {
  const agent = await as('cursor-ops')
  const answer = await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
  expect(answer.text).toBe('Access denied. Token is scoped to groups [edge], secret is in [prod]')
  const line = gateway.auditLines.find((each) => each.includes(String(answer.structured['requestId'])))
  expect(line).toMatch(/^AI_AGENT_POLICY_DENIED agent=cursor-ops resource=prod-db-password /)
})

test('an unknown name and a forbidden one answer alike when denials are opaque', async () => {
  const opaque = await gateway.restart({ CERTLOCKER_DENIALS: 'opaque' })
  try {
    const agent = await connect(opaque.url, tokens['claude-code-e2e'] ?? '')
    const answers = [
      await agent.calls('certlocker_get_secret', { name: 'prod-db-password' }),
      await agent.calls('certlocker_get_secret', { name: 'no-such-secret' }),
    ]
    for (const answer of answers)
      expect(answer).toMatchObject({
        isError: true,
        text: 'Access denied',
        structured: { code: 'ACCESS_DENIED', message: 'Access denied' },
      })
  } finally {
    gateway = await opaque.restart({ CERTLOCKER_DENIALS: 'explain' })
  }
})

test('a low-risk agent in prod is told that a production secret needs approval; the same question attaches to it', async () => {
  const agent = await as('deploy-bot')
  const first = await agent.calls('certlocker_get_secret', { name: 'prod-deploy-key' })
  expect(first).toMatchObject({
    isError: false,
    structured: {
      status: 'approval_required',
      code: 'APPROVAL_PRODUCTION',
      approvalId: expect.stringMatching(/^apr_/),
    },
  })
  const again = await agent.calls('certlocker_get_secret', { name: 'prod-deploy-key' })
  const other = await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
  expect(again.structured['approvalId']).toBe(first.structured['approvalId'])
  expect(other.structured['approvalId']).not.toBe(first.structured['approvalId'])
  const pending = (await gateway.api.get('/approvals?status=pending')).body['items']
  expect(pending).toHaveLength(2)
})

test('a token that expires is refused from then on, listing included, and its session ends as expired', async () => {
  const { value } = await gateway.api.create('/tokens', {
    agentId: 'claude-code-e2e',
    name: 'short',
    groups: ['staging'],
    ttlSeconds: 3,
  })
  const agent = await connect(gateway.url, String(value), { kind: 'sdk v1, handshake', name: 'short-lived' })
  expect((await agent.calls('certlocker_get_secret', { name: 'staging-login-password' })).isError).toBe(false)
  await until(() =>
    agent.calls('certlocker_get_secret', { name: 'staging-login-password' }).then(
      () => false,
      () => true,
    ),
  )
  await expect(agent.toolNames()).rejects.toThrow()
  await until(async () => {
    const { items } = (await gateway.api.get('/agents/claude-code-e2e/sessions')).body as {
      items: { id: string; endReason: string }[]
    }
    return items.find(({ id }) => id === agent.sessionId)?.endReason === 'token_expired'
  })
})

test('a token is shown once: no list, no read, no log line and no column holds it afterwards', async () => {
  const created = await gateway.api.create('/tokens', {
    agentId: 'claude-code-e2e',
    name: 'once',
    groups: ['staging'],
    ttlSeconds: 60,
  })
  const value = String(created['value'])
  const { id, prefix } = created['token'] as { id: string; prefix: string }
  expect(value).toMatch(/^clk_mcp_[0-9A-Za-z]{49}$/)
  expect(value.startsWith(prefix)).toBe(true)
  expect(JSON.stringify(created['clientConfig'])).not.toContain(value)
  const seen = [
    await gateway.api.get('/tokens?limit=200'),
    await gateway.api.get(`/tokens/${id}`),
    await gateway.api.get('/audit?limit=200'),
  ]
  expect(JSON.stringify(seen.map(({ body }) => body))).not.toContain(value)
  expect(gateway.auditLines.join('\n')).not.toContain(value)
})

test('a read-only agent sees and uses only what its scopes act on; each other call is an audited denial', async () => {
  const agent = await as('docs-agent')
  expect(await agent.toolNames()).toEqual([
    'certlocker_list_allowed_resources',
    'certlocker_get_certificate',
    'certlocker_list_allowed_hosts',
  ])
  const hosts = await agent.calls('certlocker_list_allowed_hosts')
  expect(hosts.structured['items']).toEqual([
    { name: 'edge-proxy-01', groups: ['edge'], environment: 'staging', principals: ['deploy'], modes: ['exec'] },
  ])
  expect((await agent.calls('certlocker_list_allowed_resources')).structured['items']).toMatchObject([
    { type: 'host', name: 'edge-proxy-01' },
  ])
  for (const [tool, args] of [
    ['certlocker_get_secret', { name: 'edge-api-key' }],
    ['certlocker_write_audit_event', { action: 'x', message: 'y' }],
  ] as const) {
    const answer = await agent.calls(tool, args)
    expect(answer, tool).toMatchObject({ isError: true, structured: { status: 'denied', code: 'SCOPE_MISSING' } })
    expect(await events(`type=AI_AGENT_POLICY_DENIED&agent=docs-agent`)).toContainEqual(
      expect.objectContaining({ requestId: answer.structured['requestId'], code: 'SCOPE_MISSING' }),
    )
  }
})

test('an injected agent that enumerates names gets what is in scope, is recorded at every try, and is suspended', async () => {
  const agent = await as('injected')
  expect((await agent.calls('certlocker_get_secret', { name: 'staging-login-password' })).isError).toBe(false)
  let denials = 0
  let refused = false
  for (let guess = 0; guess < 50 && !refused; guess++) {
    const answer = await agent.calls('certlocker_get_secret', { name: `guess-${guess}` }).catch(() => undefined)
    if (answer === undefined) refused = true
    else denials++
  }
  expect(refused).toBe(true)
  expect(denials).toBeLessThanOrEqual(26)
  const recorded = await events('type=AI_AGENT_POLICY_DENIED&agent=injected')
  expect(recorded).toHaveLength(denials)
  expect(recorded[0]).toMatchObject({
    reasons: expect.arrayContaining([expect.objectContaining({ code: 'DENIAL_BURST' })]),
  })
  expect((await gateway.api.get('/agents/injected')).body).toMatchObject({ status: 'suspended' })
})

describe('an injected agent that tries to raise its own rights', () => {
  test.each([{ approved: true }, { scope: 'admin' }, { group: 'prod' }, { agentId: 'agt_0' }, { groups: ['prod'] }])(
    'is refused by the schema: %o',
    async (extra) => {
      const agent = await as('claude-code-e2e')
      const answer = await agent.calls('certlocker_get_secret', { name: 'staging-login-password', ...extra })
      expect(answer).toMatchObject({
        isError: true,
        structured: { status: 'failed', code: 'ARGUMENT_INVALID', decisionId: null },
      })
      expect(await events('type=AI_AGENT_CALL_FAILED&agent=claude-code-e2e')).toContainEqual(
        expect.objectContaining({ code: 'ARGUMENT_INVALID', requestId: answer.structured['requestId'] }),
      )
    },
  )

  test('finds the admin API closed to its token, and every state as it was', async () => {
    const asAgent = restClient(gateway.url, tokens['claude-code-e2e'] ?? '')
    const before = (await gateway.api.get('/agents/claude-code-e2e')).body
    for (const attempt of [
      () => asAgent.patch('/agents/claude-code-e2e', { groups: ['prod'] }),
      () => asAgent.post('/tokens', { agentId: 'claude-code-e2e', name: 'more', groups: ['prod'], ttlSeconds: 60 }),
      () => asAgent.get('/agents'),
    ]) {
      expect((await attempt()).status).toBe(401)
    }
    expect((await gateway.api.get('/agents/claude-code-e2e')).body).toEqual(before)
  })

  test("cannot ride on another agent's session", async () => {
    const victim = await as('cursor-ops', 'sdk v1, handshake')
    const response = await fetch(`${gateway.url}/rest/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens['claude-code-e2e']}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': victim.sessionId ?? '',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    expect(response.status).toBe(404)
  })
})

test('a note is stored as text of the agent, without released values and control characters', async () => {
  await gateway.api.create('/secrets/staging-login-password/versions', { value: 'smuggled-value-1234' })
  const agent = await as('note-taker')
  await agent.calls('certlocker_get_secret', { name: 'staging-login-password' })
  const answer = await agent.calls('certlocker_write_audit_event', {
    action: 'done',
    message: 'took smuggled-value-1234\u001b[2K\nAI_AGENT_POLICY_ALLOWED agent=root',
  })
  expect(answer).toMatchObject({
    isError: false,
    structured: { status: 'ok', eventId: expect.stringMatching(/^evt_/) },
  })
  const [note] = await events('type=AI_AGENT_NOTE&agent=note-taker')
  expect(note).toMatchObject({
    id: answer.structured['eventId'],
    details: { note: { action: 'done', message: 'took [redacted][2K\nAI_AGENT_POLICY_ALLOWED agent=root' } },
  })
  expect(gateway.auditLines.filter((line) => line.startsWith('AI_AGENT_POLICY_ALLOWED agent=root'))).toEqual([])
})
