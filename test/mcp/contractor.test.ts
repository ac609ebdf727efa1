import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { initialize, openSession, rawMcp } from '../support/raw-mcp.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { mint, rotate, statusOf } from '../support/tokens.ts'
import { type TravellingGateway, travellingGateway } from '../support/travelling-gateway.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const OFFICE = '10.0.0.7'
const HOME = '203.0.113.9'

let time: TravellingGateway
let gateway: TestGateway

beforeAll(async () => {
  // The test is the proxy that says who the client is.
  time = await travellingGateway({ CERTLOCKER_HTTP__TRUSTED_PROXIES: '127.0.0.0/8' })
  gateway = time.gateway
  await given(gateway, {
    agents: [{ name: 'contractor', groups: ['staging'] }],
    secrets: [{ name: 'staging-login', groups: ['staging'] }],
  })
})
afterAll(() => gateway.stop())

async function fortyEightHours() {
  return mint(gateway, 'contractor', {
    expiresAt: new Date((await time.now()) + 48 * HOUR * 1000).toISOString(),
    cidrs: ['10.0.0.0/24', '2001:db8:7::/48'],
    autoRotate: { everySeconds: 12 * HOUR, overlapSeconds: 10 * MINUTE },
  })
}

const from = (forwardedFor: string) => ({ 'x-forwarded-for': forwardedFor })

async function reads(value: string, forwardedFor = OFFICE): Promise<string> {
  const agent = await connect(gateway.url, value, { headers: from(forwardedFor) })
  return String((await agent.calls('certlocker_get_secret', { name: 'staging-login' })).structured['status'])
}

async function isRefused(value: string, forwardedFor = OFFICE): Promise<boolean> {
  const answer = await rawMcp(gateway.url, { token: value, headers: from(forwardedFor), message: initialize })
  return answer.status === 401
}

async function failuresOf(tokenId: string) {
  const { body } = await gateway.api.get('/audit?type=AI_AGENT_AUTH_FAILED&limit=200')
  return itemsOf(body).filter((event) => event['tokenId'] === tokenId)
}

describe('S9: a contractor with a token for 48 hours, bound to the office, that rotates every 12', () => {
  test('reads from the office until the last minute, with whatever value is the present one, and never after', async () => {
    const { id, value, expiresAt } = await fortyEightHours()
    expect(await reads(value)).toBe('ok')
    expect(await isRefused(value, HOME)).toBe(true)

    let held = value
    for (let day = 0; day < 3; day++) {
      await time.pass(12 * HOUR)
      const next = await rotate(gateway, held, from(OFFICE))
      expect(next).toMatchObject({ status: 200, expiresAt })
      expect(await reads(next.value)).toBe('ok')
      expect((await rotate(gateway, next.value, from(HOME))).status).toBe(401)
      held = next.value
    }
    await time.pass(12 * HOUR - MINUTE)
    expect(await reads(held)).toBe('ok')
    await time.pass(2 * MINUTE)
    expect(await isRefused(held)).toBe(true)
    expect((await rotate(gateway, held, from(OFFICE))).status).toBe(401)

    const chain = itemsOf((await gateway.api.get('/tokens?agent=contractor&limit=200')).body).filter(
      ({ chainId }) => chainId === id,
    )
    expect(chain.map(({ status }) => status)).toEqual(['expired', 'rotated', 'rotated', 'rotated'])
    const ids = new Set(chain.map((token) => token['id']))
    const types = async (type: string) =>
      itemsOf((await gateway.api.get(`/audit?agent=contractor&limit=200&type=${type}`)).body).filter(({ tokenId }) =>
        ids.has(tokenId),
      )
    expect(await types('MCP_TOKEN_ROTATED')).toHaveLength(3)
    await expect.poll(() => types('MCP_TOKEN_EXPIRED'), { timeout: 10_000 }).toHaveLength(1)
    const read = (await types('AI_AGENT_CALL_COMPLETED')).map(({ resource }) => resource)
    expect(new Set(read.map((resource) => (resource as { name: string }).name))).toEqual(new Set(['staging-login']))
  })

  test('is out at once when somebody revokes the token after ten hours', async () => {
    const { id, value } = await fortyEightHours()
    await time.pass(10 * HOUR)
    expect(await reads(value)).toBe('ok')
    await gateway.api.create(`/tokens/${id}/revoke`, {})
    expect(await isRefused(value)).toBe(true)
    expect((await rotate(gateway, value, from(OFFICE))).status).toBe(401)
    expect(await statusOf(gateway, id)).toBe('revoked')
  })
})

describe('S13: a token bound to networks', () => {
  test.each([
    ['the office', OFFICE, true],
    ['the first and last address of the office', '10.0.0.0', true],
    ['one past the office', '10.0.1.0', false],
    ['the office over IPv6', '2001:db8:7::1', true],
    ['one past it', '2001:db8:8::1', false],
    ['the office, mapped into IPv6', `::ffff:${OFFICE}`, true],
    ['the office, mapped in hexadecimal', '::ffff:a00:7', true],
    ['outside, mapped into IPv6', `::ffff:${HOME}`, false],
    ['a client that claims the office to its proxy', `${OFFICE}, ${HOME}`, false],
    ['a client that claims a whole chain of it', `${OFFICE}, ${OFFICE}, 127.0.0.1, ${HOME}`, false],
    ['the office behind two of our proxies', `${HOME}, ${OFFICE}, 127.0.0.9`, true],
    ['a hop that is no address', `${OFFICE}, unknown`, false],
    ['an address that programs read differently', '010.0.0.7', false],
    ['nobody', '', false],
  ])('is used from %s (%s): %s', async (_, forwardedFor, admitted) => {
    const { value } = await fortyEightHours()
    expect(await isRefused(value, forwardedFor)).toBe(!admitted)
  })

  test('believes no header that comes from elsewhere than a proxy', async () => {
    const direct = await gateway.replica({ CERTLOCKER_HTTP__TRUSTED_PROXIES: '192.0.2.0/24' })
    const { value } = await fortyEightHours()
    const answer = await rawMcp(direct.url, { token: value, headers: from(OFFICE), message: initialize })
    expect(answer.status).toBe(401)
    await direct.stop()
  })

  test('is refused where the proxy does not say who the client is, even when the proxy itself is in the networks', async () => {
    const { id, value } = await mint(gateway, 'contractor', { ttlSeconds: HOUR, cidrs: ['127.0.0.0/8'] })
    expect(await isRefused(value, '127.0.0.1')).toBe(false)
    expect(await isRefused(value, `${OFFICE}, unknown`)).toBe(true)
    expect(await failuresOf(id)).toMatchObject([
      { code: 'CIDR_MISMATCH', client: { ip: '' }, details: { forwardedBy: '127.0.0.1' } },
    ])
  })

  test('has the address of the client and of the proxy on record', async () => {
    const { id, value } = await fortyEightHours()
    expect(await isRefused(value, HOME)).toBe(true)
    expect(await failuresOf(id)).toMatchObject([
      { code: 'CIDR_MISMATCH', client: { ip: HOME }, details: { forwardedBy: '127.0.0.1' } },
    ])
  })
})

describe('S3: a token that ends in a minute', () => {
  test.each([
    ['ten minutes ahead of', 600],
    ['ten minutes behind', -600],
  ])('ends by the clock of the database, which is %s that of the gateways', async (_, aheadSeconds) => {
    const skewed = await travellingGateway({}, aheadSeconds)
    const first = skewed.gateway
    await given(first, {
      agents: [{ name: 'brief', groups: ['staging'] }],
      secrets: [{ name: 'staging-login', groups: ['staging'] }],
    })
    const second = await first.replica()
    expect(Math.round((await skewed.now()) / 1000 - Date.now() / 1000)).toBe(aheadSeconds)

    const { id, value, expiresAt } = await mint(first, 'brief', { ttlSeconds: 60 })
    expect(Math.abs(Date.parse(expiresAt) - 60_000 - (await skewed.now()))).toBeLessThan(5000)
    const doors = () =>
      Promise.all(
        [first, second].map(
          async ({ url }) => (await rawMcp(url, { token: value, headers: {}, message: initialize })).status,
        ),
      )
    const sessionId = await openSession(first.url, value)
    const untilEndMs = async () => Date.parse(expiresAt) - (await skewed.now())
    await skewed.pass(Math.floor((await untilEndMs()) / 1000) - 5, [first, second])
    expect(await doors()).toEqual([200, 200])
    await skewed.pass(Math.ceil((await untilEndMs()) / 1000), [first, second])
    expect(await doors()).toEqual([401, 401])
    await expect.poll(() => statusOfSession(first, sessionId), { timeout: 10_000 }).toBe('token_expired')
    expect(await statusOf(second, id)).toBe('expired')
    await second.stop()
    await first.stop()
  })

  async function statusOfSession({ api }: TestGateway, sessionId: string) {
    const { body } = await api.get('/sessions?limit=200')
    return itemsOf(body).find(({ id }) => id === sessionId)?.['endReason']
  }
})
