import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintBearer } from '../../src/kernel/bearer.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { rawHttp } from '../support/raw-http.ts'
import { handshakeMessage, initialize, openSession, rawMcp } from '../support/raw-mcp.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { mint, rotate, statusOf } from '../support/tokens.ts'
import { type TravellingGateway, travellingGateway } from '../support/travelling-gateway.ts'

const HOUR = 3600
const OVERLAP = 60
const TTL = 48 * HOUR

let time: TravellingGateway
let gateway: TestGateway
let replica: TestGateway

beforeAll(async () => {
  // Longer than any test lets time pass, so that no session ends for being idle.
  time = await travellingGateway({ CERTLOCKER_SESSIONS__IDLE_SECONDS: String(HOUR + 2 * OVERLAP) })
  gateway = time.gateway
  await given(gateway, {
    agents: [{ name: 'nightly', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  replica = await gateway.replica()
})
afterAll(async () => {
  await replica.stop()
  await gateway.stop()
})

const pass = (seconds: number) => time.pass(seconds, [gateway, replica])
const rotating = (more: object = {}) =>
  mint(gateway, 'nightly', {
    ttlSeconds: TTL,
    autoRotate: { everySeconds: HOUR, overlapSeconds: OVERLAP },
    ...more,
  })
const doorOf = async (value: string, { url }: TestGateway = gateway) =>
  (await rawMcp(url, { token: value, message: initialize })).status

async function eventsAbout(tokenIds: readonly string[], type: string) {
  const { body } = await gateway.api.get(`/audit?limit=200&type=${type}`)
  return itemsOf(body).filter(({ tokenId }) => tokenIds.includes(String(tokenId)))
}

/** The tokens of one chain, the newest first. */
async function chainOf(chainId: string) {
  const { body } = await gateway.api.get('/tokens?limit=200&agent=nightly')
  return itemsOf(body).filter((token) => token['chainId'] === chainId)
}

describe('a token that rotates', () => {
  test('says when, refuses to be early, and gives its bearer the next value', async () => {
    const { id, value, expiresAt } = await rotating()
    const { body: fresh } = await gateway.api.get(`/tokens/${id}`)
    const early = await rotate(gateway, value)
    expect(early).toMatchObject({
      status: 409,
      rotateAfter: fresh['rotateAfter'],
      error: { code: 'ROTATION_NOT_DUE', details: { rotateAfter: fresh['rotateAfter'] } },
    })
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(HOUR - 60)

    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(next).toMatchObject({ status: 200, expiresAt, value: expect.stringMatching(/^clk_mcp_\w{49}$/) })
    expect(Date.parse(next.rotateAfter)).toBeGreaterThan((await time.now()) + (HOUR - 60) * 1000)
    expect(next.value).not.toBe(value)
    expect(await statusOf(gateway, id)).toBe('rotated')
    expect(await chainOf(id)).toMatchObject([{ status: 'active' }, { status: 'rotated', id }])
    const written = JSON.stringify([
      await eventsAbout([id], 'MCP_TOKEN_ROTATED'),
      await chainOf(id),
      gateway.auditLines,
    ])
    for (const secret of [value, next.value]) expect(written).not.toContain(secret.slice(-20))
  })

  test('S15: goes on in the middle of a task: both values work in the overlap, then only the new one, in one session', async () => {
    const { id, value } = await rotating()
    const sessionId = await openSession(gateway.url, value)
    const call = handshakeMessage('tools/call', { name: 'certlocker_get_secret', arguments: { name: 'login' } })
    const calls = async (token: string) => (await rawMcp(gateway.url, { token, sessionId, message: call })).text
    expect(await calls(value)).toContain('value-of-login')

    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(next.status).toBe(200)
    for (const token of [value, next.value]) expect(await calls(token)).toContain('value-of-login')
    await pass(OVERLAP - 10)
    for (const token of [value, next.value]) expect(await calls(token)).toContain('value-of-login')
    await pass(10)
    expect(await calls(next.value)).toContain('value-of-login')

    const { body } = await gateway.api.get(`/audit?limit=200&type=AI_AGENT_POLICY_ALLOWED&session=${sessionId}`)
    const ids = new Set(itemsOf(body).map(({ tokenId }) => tokenId))
    expect(ids).toEqual(new Set((await chainOf(id)).map((token) => token['id'])))
    expect(ids.size).toBe(2)
  })

  test('keeps the session of a client without handshake, too', async () => {
    const { value } = await rotating()
    const before = await connect(gateway.url, value, { name: 'keeps-going' })
    await before.calls('certlocker_get_secret', { name: 'login' })
    const sessions = async () =>
      itemsOf((await gateway.api.get('/agents/nightly/sessions?limit=200')).body).filter(
        ({ client, status }) => (client as { name: string }).name === 'keeps-going' && status === 'active',
      )
    const [first] = await sessions()
    await pass(HOUR)
    const next = await rotate(gateway, value)
    const after = await connect(gateway.url, next.value, { name: 'keeps-going' })
    await after.calls('certlocker_get_secret', { name: 'login' })
    expect((await sessions()).map((session) => session['id'])).toEqual([first?.['id']])
  })

  test('survives an answer that was lost: asking again voids what nobody has used', async () => {
    const { id, value } = await rotating()
    await pass(HOUR)
    const lost = await rotate(gateway, value)
    const again = await rotate(replica, value)
    expect([lost.status, again.status]).toEqual([200, 200])
    expect(again.value).not.toBe(lost.value)
    expect(await doorOf(again.value)).toBe(200)
    expect(await chainOf(id)).toHaveLength(3)
  })

  test('ends with its first value: rotation gives no time', async () => {
    const { value, expiresAt } = await rotating({ ttlSeconds: HOUR + 100 })
    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(next.expiresAt).toBe(expiresAt)
    expect(await doorOf(next.value)).toBe(200)
    await pass(100)
    for (const gone of [value, next.value]) expect(await doorOf(gone)).toBe(401)
    expect((await rotate(gateway, next.value)).status).toBe(401)
  })

  test('is refused, and on record as expired, when it was not rotated in time', async () => {
    const { id, value } = await rotating()
    const sessionId = await openSession(gateway.url, value)
    await pass(HOUR + OVERLAP - 5)
    expect(await doorOf(value)).toBe(200)
    await pass(5)
    expect(await doorOf(value)).toBe(401)
    expect((await rotate(gateway, value)).status).toBe(401)
    expect(await statusOf(gateway, id)).toBe('expired')
    await expect.poll(() => eventsAbout([id], 'MCP_TOKEN_EXPIRED'), { timeout: 10_000 }).toHaveLength(1)
    const { body } = await gateway.api.get('/sessions?limit=200&agent=nightly')
    expect(itemsOf(body).find((session) => session['id'] === sessionId)).toMatchObject({ status: 'ended' })
    expect(await eventsAbout([id], 'MCP_TOKEN_REUSED')).toEqual([])
  })

  test('works down to a second', async () => {
    const { value } = await rotating({ autoRotate: { everySeconds: 1, overlapSeconds: 1 } })
    await pass(1)
    const next = await rotate(gateway, value)
    expect(next.status).toBe(200)
    expect(await doorOf(next.value)).toBe(200)
  })
})

describe('a value that is presented although it is dead', () => {
  test.each(['rotation', 'MCP', 'DELETE'])('revokes the whole chain, whether at the door of %s', async (door) => {
    const { id, value } = await rotating()
    const sessionId = await openSession(gateway.url, value)
    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(await doorOf(next.value)).toBe(200)
    await pass(OVERLAP)
    expect(await doorOf(next.value)).toBe(200)

    const reused = {
      rotation: () => rotate(gateway, value),
      MCP: () => rawMcp(gateway.url, { token: value, message: initialize }),
      DELETE: () => rawMcp(gateway.url, { method: 'DELETE', token: value, sessionId }),
    }[door]
    expect((await reused?.())?.status).toBe(401)
    expect(await doorOf(next.value)).toBe(401)
    await expectRevoked(id, 'system')
  })

  test('revokes it from outside the networks of the token as well', async () => {
    const far = await gateway.replica({ CERTLOCKER_HTTP__TRUSTED_PROXIES: '127.0.0.0/8' })
    const { id, value } = await rotating({ cidrs: ['127.0.0.0/8'] })
    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(await doorOf(next.value)).toBe(200)
    await time.pass(OVERLAP, [gateway, replica, far])
    expect((await rotate(far, value, { 'x-forwarded-for': '203.0.113.9' })).status).toBe(401)
    expect(await doorOf(next.value)).toBe(401)
    await expectRevoked(id, 'system')
    await far.stop()
  })

  test('was a successor that a second rotation replaced', async () => {
    const { id, value } = await rotating()
    await pass(HOUR)
    const intercepted = await rotate(gateway, value)
    const own = await rotate(gateway, value)
    expect(await doorOf(own.value)).toBe(200)
    expect(await doorOf(intercepted.value, replica)).toBe(401)
    await expect.poll(() => doorOf(own.value), { timeout: 1000 }).toBe(401)
    await expectRevoked(id, 'system')
  })

  test('does no more harm once its token has ended', async () => {
    const { id, value } = await rotating({ ttlSeconds: HOUR + 2 * OVERLAP })
    await pass(HOUR)
    await rotate(gateway, value)
    await pass(2 * OVERLAP)
    expect(await doorOf(value)).toBe(401)
    expect(await eventsAbout([id], 'MCP_TOKEN_REUSED')).toEqual([])
  })
})

describe('rotating again', () => {
  test('when the successor was used revokes the whole chain, on every replica within a second', async () => {
    const { id, value } = await rotating()
    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(await doorOf(next.value, replica)).toBe(200)
    const refused = await rotate(gateway, value)
    const startMs = performance.now()
    expect(refused).toMatchObject({ status: 401, error: { code: 'UNAUTHENTICATED' } })
    expect(String(refused.headers['www-authenticate'])).toContain('invalid_token')
    await expect.poll(() => doorOf(next.value, replica), { timeout: 1000, interval: 20 }).toBe(401)
    expect(performance.now() - startMs).toBeLessThan(1000)
    await expectRevoked(id, 'agent')
  })

  test('and the first use of the successor at once: either the answer was lost, or two hold the chain', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, value } = await rotating({ autoRotate: { everySeconds: 1, overlapSeconds: HOUR } })
      await pass(1)
      const next = await rotate(gateway, value)
      const [again, door] = await Promise.all([rotate(gateway, value), doorOf(next.value, replica)])
      const chain = await chainOf(id)
      const revoked = chain.filter(({ status }) => status === 'revoked')
      // Used first: the rotation is a reuse. Replaced first: the use is one.
      expect([again.status, door]).not.toEqual([200, 200])
      expect(revoked).toHaveLength(chain.length)
      expect(await doorOf(next.value)).toBe(401)
      expect(
        await eventsAbout(
          chain.map((token) => String(token['id'])),
          'MCP_TOKEN_REUSED',
        ),
      ).toHaveLength(1)
    }
  })

  test('many times at once leaves one value that works', async () => {
    const { id, value } = await rotating()
    await pass(HOUR)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => rotate(index % 2 === 0 ? gateway : replica, value)),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
    const chain = await chainOf(id)
    expect(chain).toHaveLength(9)
    expect(chain.filter(({ status }) => status === 'active')).toHaveLength(1)
  })
})

describe('revoking by hand', () => {
  test('any token of a chain ends them all', async () => {
    const { id, value } = await rotating()
    await pass(HOUR)
    const next = await rotate(gateway, value)
    expect(await doorOf(next.value)).toBe(200)
    await gateway.api.create(`/tokens/${id}/revoke`, {})
    for (const gone of [value, next.value]) expect(await doorOf(gone)).toBe(401)
    expect(await chainOf(id)).toMatchObject([{ status: 'revoked' }, { status: 'revoked' }])
    expect(await eventsAbout([id], 'MCP_TOKEN_REVOKED')).toHaveLength(1)
  })
})

describe('the path of rotation', () => {
  const post = (headers: Readonly<Record<string, string>>, method = 'POST') =>
    rawHttp(gateway.url, { method, path: '/rest/token/rotate', headers })

  test('is closed to everything but a standing MCP token', async () => {
    const bearers = [undefined, 'x', gateway.adminKey, mintBearer('clk_mcp').value.expose()]
    for (const bearer of bearers) {
      const answer = await post(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` })
      expect(answer.status).toBe(401)
      expect(String(answer.headers['www-authenticate'])).toContain('resource_metadata=')
    }
  })

  test('is POST only, and not for foreign sites', async () => {
    const { value } = await rotating()
    expect(await post({}, 'GET')).toMatchObject({ status: 405, headers: { allow: 'POST' } })
    const foreign = await post({ authorization: `Bearer ${value}`, origin: 'https://evil.example' })
    expect(foreign.status).toBe(403)
  })

  test('answers a token that does not rotate with 409', async () => {
    const { value } = await mint(gateway, 'nightly', { ttlSeconds: 60 })
    expect(await rotate(gateway, value)).toMatchObject({ status: 409, error: { code: 'STATE_CONFLICT' } })
  })
})

async function expectRevoked(id: string, by: 'system' | 'agent'): Promise<void> {
  const chain = await chainOf(id)
  expect(new Set(chain.map(({ status }) => status))).toEqual(new Set(['revoked']))
  const ids = chain.map((token) => String(token['id']))
  expect(await eventsAbout(ids, 'MCP_TOKEN_REUSED')).toMatchObject([
    { actor: { kind: by }, agent: { name: 'nightly' }, client: { ip: expect.any(String) }, outcome: 'ok' },
  ])
  const { body } = await gateway.api.get('/sessions?limit=200&agent=nightly')
  const sessions = itemsOf(body).filter(({ tokenId }) => tokenId === id)
  expect(sessions.filter(({ status }) => status === 'active')).toEqual([])
}
