import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintBearer } from '../../src/kernel/bearer.ts'
import { bodyBytesMax } from '../../src/transport/http/read-json-body.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person } from '../support/person.ts'
import { type RawAnswer, rawHttp } from '../support/raw-http.ts'
import { handshakeMessage, initialize, openSession, type RawMcp, rawMcp, rpcOf } from '../support/raw-mcp.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const metadataPaths = [
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/rest/mcp',
] as const
const listTools = handshakeMessage('tools/list')
const agents = ['steady', 'paused', 'gone', 'orphan', 'roaming', 'sibling', 'chatty', 'traveller'] as const

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let person: Person

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: agents.map((name) => ({ name, groups: ['staging'] })),
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  person = await operator(gateway, 'orla@example.com', ['staging'])
})
afterAll(() => gateway.stop())

const tokenOf = (agent: (typeof agents)[number]) => tokens[agent] ?? ''
const post = (request: RawMcp) => rawMcp(gateway.url, request)

async function mint(agentId: string, more: object = { ttlSeconds: 600 }): Promise<{ id: string; value: string }> {
  const { token, value } = await gateway.api.create('/tokens', { agentId, name: 'more', groups: ['staging'], ...more })
  return { id: (token as { id: string }).id, value: String(value) }
}

async function eventOf(answer: RawAnswer) {
  const { body } = await gateway.api.get('/audit?type=AI_AGENT_AUTH_FAILED&limit=50')
  return itemsOf(body).find(({ requestId }) => requestId === answer.headers['x-request-id'])
}

/** Everything the caller is told, apart from which request it was. */
function told({ status, headers, text }: RawAnswer) {
  const { error } = JSON.parse(text)
  return { status, challenge: headers['www-authenticate'], code: error.code, message: error.message }
}

describe('a bearer that does not stand', () => {
  const bearers: readonly (readonly [
    what: string,
    code: string,
    agent: string | null,
    bearer: () => Promise<RawMcp>,
  ])[] = [
    ['missing', 'TOKEN_MISSING', null, async () => ({})],
    ['garbled', 'TOKEN_MALFORMED', null, async () => ({ token: `${tokenOf('steady').slice(0, -1)}!` })],
    ['of another scheme', 'TOKEN_MALFORMED', null, async () => headed(`Basic ${tokenOf('steady')}`)],
    ['two of them', 'TOKEN_MALFORMED', null, async () => headed(`Bearer ${tokenOf('steady')} ${tokenOf('gone')}`)],
    ['empty', 'TOKEN_MALFORMED', null, async () => headed('Bearer ')],
    ['unknown', 'TOKEN_UNKNOWN', null, async () => ({ token: mintBearer('clk_mcp').value.expose() })],
    ['an SSH ticket', 'TOKEN_MALFORMED', null, async () => ({ token: mintBearer('clk_ssh').value.expose() })],
    ['an API key', 'WRONG_BEARER_KIND', null, async () => ({ token: person.value })],
    ["the admin's key", 'TOKEN_MALFORMED', null, async () => ({ token: gateway.adminKey })],
    ['revoked', 'TOKEN_REVOKED', 'steady', revokedToken],
    ['expired', 'TOKEN_EXPIRED', 'steady', expiredToken],
    ['of a suspended agent', 'AGENT_SUSPENDED', 'paused', () => tokenAfter('paused', 'suspend')],
    ['of a revoked agent', 'TOKEN_REVOKED', 'gone', () => tokenAfter('gone', 'revoke')],
    ['of an agent whose owner is disabled', 'AGENT_SUSPENDED', 'orphan', tokenOfDisabledOwner],
    [
      'used outside its networks',
      'CIDR_MISMATCH',
      'steady',
      async () => {
        const { value } = await mint('steady', { ttlSeconds: 600, cidrs: ['10.0.0.0/8', '2001:db8::/32'] })
        return { token: value }
      },
    ],
  ]

  test.each(bearers)('(%s) is 401 in the one text for all, and on record as %s', async (_, code, agent, bearer) => {
    const request = await bearer()
    const answer = await post({ ...request, message: initialize })
    expect(told(answer)).toEqual({
      status: 401,
      // RFC 6750 section 3.1: no error code for who sent no credential.
      challenge: `Bearer ${code === 'TOKEN_MISSING' ? '' : 'error="invalid_token", '}resource_metadata="${gateway.url}${metadataPaths[1]}"`,
      code: 'UNAUTHENTICATED',
      message: 'Authentication failed',
    })
    const event = await eventOf(answer)
    expect(event).toMatchObject({ code, outcome: 'deny', client: { ip: '127.0.0.1' } })
    expect(event?.['agent']).toEqual(agent === null ? null : expect.objectContaining({ name: agent }))
    if (request.token !== undefined) {
      expect(JSON.stringify(event) + answer.text + gateway.auditLines.join('\n')).not.toContain(request.token)
    }
  })

  test('opens no other door: an MCP token on REST is 401', async () => {
    expect((await restClient(gateway.url, tokenOf('steady')).get('/agents')).status).toBe(401)
  })

  test('is refused on DELETE as well', async () => {
    const sessionId = await openSession(gateway.url, tokenOf('steady'))
    expect(told(await post({ method: 'DELETE', sessionId }))).toMatchObject({ status: 401 })
    expect((await post({ token: tokenOf('steady'), sessionId, message: listTools })).status).toBe(200)
  })

  test('has to name its session on DELETE: 400', async () => {
    expect(told(await post({ method: 'DELETE', token: tokenOf('steady') }))).toMatchObject({ status: 400 })
  })

  test('is not believed for being in the URL', async () => {
    const answer = await rawHttp(gateway.url, {
      method: 'POST',
      path: `/rest/mcp?access_token=${tokenOf('steady')}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(initialize),
    })
    expect(answer.status).toBe(401)
  })

  function headed(authorization: string): RawMcp {
    return { headers: { authorization } }
  }

  async function revokedToken(): Promise<RawMcp> {
    const { id, value } = await mint('steady')
    expect((await post({ token: value, message: initialize })).status).toBe(200)
    await gateway.api.create(`/tokens/${id}/revoke`, {})
    return { token: value }
  }

  async function expiredToken(): Promise<RawMcp> {
    const { id, value } = await mint('steady', { ttlSeconds: 1 })
    await until(async () => (await gateway.api.get(`/tokens/${id}`)).body['status'] === 'expired')
    return { token: value }
  }

  async function tokenAfter(agent: (typeof agents)[number], change: 'suspend' | 'revoke'): Promise<RawMcp> {
    await gateway.api.create(`/agents/${agent}/${change}`, { reason: 'a test' })
    return { token: tokenOf(agent) }
  }

  async function tokenOfDisabledOwner(): Promise<RawMcp> {
    await gateway.api.patch('/agents/orphan', { owner: person.email })
    await gateway.api.patch(`/people/${person.email}`, { disabled: true })
    return { token: tokenOf('orphan') }
  }
})

describe('the protected resource metadata', () => {
  test.each(metadataPaths)('is served to anybody at %s', async (path) => {
    const answer = await rawHttp(gateway.url, { path })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({
      resource: `${gateway.url}/rest/mcp`,
      bearer_methods_supported: ['header'],
    })
  })

  test('is nowhere else', async () => {
    expect((await rawHttp(gateway.url, { path: `${metadataPaths[0]}/rest` })).status).toBe(404)
  })
})

describe('the endpoint', () => {
  test.each(['GET', 'PUT', 'PATCH', 'OPTIONS'])('answers %s with 405 and what is allowed', async (method) => {
    const answer = await rawHttp(gateway.url, {
      method,
      path: '/rest/mcp',
      headers: { authorization: `Bearer ${tokenOf('steady')}` },
    })
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'POST, DELETE' } })
  })

  test.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { host: 'evil.example' },
    { host: '127.0.0.1.evil.example' },
  ])('answers a foreign %o with 403, whoever asks', async (headers) => {
    const answer = await post({ token: tokenOf('steady'), headers: { ...headers }, message: initialize })
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'ORIGIN_FORBIDDEN' } })
  })

  test('takes a body of exactly 1 MiB and answers one byte more with 413', async () => {
    const padded = (bytes: number) => JSON.stringify(initialize).padEnd(bytes, ' ')
    const asSteady = (message: string) => post({ token: tokenOf('steady'), message })
    expect((await asSteady(padded(bodyBytesMax))).status).toBe(200)
    const over = await asSteady(padded(bodyBytesMax + 1))
    expect(over.status).toBe(413)
    expect(JSON.parse(over.text)).toMatchObject({ error: { code: 'BODY_TOO_LARGE' } })
  })

  test('reads no body before it knows the sender', async () => {
    expect((await post({ message: ' '.repeat(bodyBytesMax + 1) })).status).toBe(401)
  })

  test.each([
    ['no JSON', '{"jsonrpc":'],
    ['no UTF-8', '"\ufffd'],
  ])('answers %s with a JSON-RPC parse error', async (_, message) => {
    const answer = await post({ token: tokenOf('steady'), message })
    expect(answer.status).toBe(400)
    expect(rpcOf(answer)).toMatchObject({ error: { code: -32700 } })
  })

  test.each([
    ['an empty body', ''],
    ['null', 'null'],
    ['a number', '7'],
    ['a text', '"tools/list"'],
    ['an empty list', '[]'],
    ['no version', '{"id":1,"method":"tools/list"}'],
    ['a method that is no text', '{"jsonrpc":"2.0","id":1,"method":7}'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"tools/list"}'],
    ['an initialize without parameters', '{"jsonrpc":"2.0","id":1,"method":"initialize"}'],
    ['an initialize of nobody', '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":7}}'],
    ['100 000 nested lists', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('answers %s as the fault of the client', async (_, message) => {
    const sessionId = await openSession(gateway.url, tokenOf('steady'))
    for (const session of [sessionId, undefined]) {
      const { status } = await post({ token: tokenOf('steady'), sessionId: session, message })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
    }
  })
})

describe('a session', () => {
  test('is needed by every request of the handshake era but the first', async () => {
    const answer = await post({ token: tokenOf('steady'), message: listTools })
    expect(answer.status).toBe(400)
  })

  test.each(['ses_00000000000000000000000000', '', '../../etc/passwd', "' OR 1=1 --"])(
    'that is unknown (%s) is 404',
    async (sessionId) => {
      const answer = await post({ token: tokenOf('steady'), sessionId, message: listTools })
      expect(answer.status).toBe(sessionId === '' ? 400 : 404)
    },
  )

  test('of another token is 404, also when it is the same agent’s, and stays as it was', async () => {
    const sessionId = await openSession(gateway.url, tokenOf('steady'))
    for (const token of [tokenOf('roaming'), (await mint('steady')).value]) {
      expect((await post({ token, sessionId, message: listTools })).status).toBe(404)
      expect((await post({ method: 'DELETE', token, sessionId })).status).toBe(404)
    }
    expect((await post({ token: tokenOf('steady'), sessionId, message: listTools })).status).toBe(200)
  })

  test('that its client ended is 404 from then on, and on record as closed', async () => {
    const sessionId = await openSession(gateway.url, tokenOf('steady'))
    expect((await post({ method: 'DELETE', token: tokenOf('steady'), sessionId })).status).toBe(200)
    expect((await post({ token: tokenOf('steady'), sessionId, message: listTools })).status).toBe(404)
    expect((await post({ method: 'DELETE', token: tokenOf('steady'), sessionId })).status).toBe(404)
    const { body } = await gateway.api.get('/agents/steady/sessions?limit=200')
    expect(itemsOf(body).find(({ id }) => id === sessionId)).toMatchObject({ status: 'ended', endReason: 'closed' })
  })

  test('of a client whose name breaks off within a character is a session like any other', async () => {
    const name = `${'n'.repeat(127)}\u{1f511}`
    const clientInfo = { name, version: name }
    const sessionId = await openSession(
      gateway.url,
      tokenOf('steady'),
      handshakeMessage('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }),
    )
    const answer = await post({
      token: tokenOf('steady'),
      sessionId,
      message: handshakeMessage('tools/call', { name: 'certlocker_get_secret', arguments: { name: 'login' } }),
    })
    expect(rpcOf(answer)).toMatchObject({ result: { structuredContent: { status: 'ok' } } })
  })

  test('goes on after the gateway was restarted', async () => {
    const agent = await connect(gateway.url, tokenOf('traveller'), { kind: 'sdk v1, handshake' })
    expect((await agent.calls('certlocker_get_secret', { name: 'login' })).isError).toBe(false)
    gateway = await gateway.restart()
    const answer = await post({ token: tokenOf('traveller'), sessionId: agent.sessionId, message: listTools })
    expect(answer.status).toBe(200)
    expect(itemsOf((await gateway.api.get('/agents/traveller/sessions')).body)).toHaveLength(1)
  })
})

describe('an agent', () => {
  test('that is suspended is refused at its next call; resumed, it goes on with a new session', async () => {
    const agent = await connect(gateway.url, tokenOf('roaming'))
    expect((await agent.calls('certlocker_get_secret', { name: 'login' })).isError).toBe(false)
    await gateway.api.create('/agents/roaming/suspend', { reason: 'a test' })
    await expect(agent.calls('certlocker_get_secret', { name: 'login' })).rejects.toThrow()
    await expect(connect(gateway.url, tokenOf('roaming'))).rejects.toThrow()
    await gateway.api.create('/agents/roaming/resume', { reason: 'a test' })
    const again = await connect(gateway.url, tokenOf('roaming'))
    expect((await again.calls('certlocker_get_secret', { name: 'login' })).isError).toBe(false)
  })

  test('is not touched when another of its group is revoked', async () => {
    const sibling = await connect(gateway.url, tokenOf('sibling'), { kind: 'sdk v1, handshake' })
    await gateway.api.create('/agents', {
      name: 'short-lived',
      owner: 'ana@example.com',
      riskLevel: 'low',
      scopes: ['secret:read'],
      groups: ['staging'],
    })
    const { value } = await mint('short-lived')
    const revoked = await connect(gateway.url, value)
    await gateway.api.create('/agents/short-lived/revoke', { reason: 'a test' })
    await expect(revoked.calls('certlocker_get_secret', { name: 'login' })).rejects.toThrow()
    expect((await sibling.calls('certlocker_get_secret', { name: 'login' })).isError).toBe(false)
  })

  test('that calls more often than it may is 429 and told when to come back', async () => {
    gateway = await gateway.restart({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '3' })
    const answers: RawAnswer[] = []
    for (let call = 0; call < 4; call++) answers.push(await post({ token: tokenOf('chatty'), message: initialize }))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    const retryAfter = Number(answers[3]?.headers['retry-after'])
    expect(retryAfter).toBeGreaterThanOrEqual(1)
    expect(retryAfter).toBeLessThanOrEqual(60)
    expect((await post({ token: (await mint('chatty')).value, message: initialize })).status).toBe(200)
  })

  test('cannot hide calls in a batch: each of them counts, and what is too much is not begun', async () => {
    gateway = await gateway.restart({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '3' })
    const { value: token } = await mint('chatty')
    const sessionId = await openSession(gateway.url, token)
    const batch = (calls: number) =>
      post({
        token,
        sessionId,
        headers: { 'mcp-protocol-version': '2025-03-26' },
        message: Array.from({ length: calls }, (_, id) =>
          handshakeMessage('tools/call', { name: 'certlocker_get_secret', arguments: { name: 'login' } }, id),
        ),
      })
    const tooMany = await batch(3)
    expect(tooMany.status).toBe(429)
    expect(itemsOf((await gateway.api.get(`/audit?session=${sessionId}&resource=login`)).body)).toEqual([])
    const { value: fresh } = await mint('chatty')
    expect((await post({ token: fresh, message: initialize })).status).toBe(200)
  })
})
