import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callOnce } from '../support/calling-clients.ts'
import { type FakeVault, fakeVault, say } from '../support/fake-vault.ts'
import { type ExchangeFault, type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const ANSWER_MS_MAX = 10_000
const ALLOWED = 'AI_AGENT_POLICY_ALLOWED'
const value = 'a-planted-value'
const READ = 'GET /v1/secret/data/certlocker/'
const WRITE = 'POST /v1/secret/data/certlocker/'

let vault: FakeVault
let proxy: FaultProxy
let gateway: TestGateway
let caller: Parameters<typeof callOnce>[0]

beforeAll(async () => {
  vault = await fakeVault()
  proxy = await faultProxy(Number(new URL(vault.address).port))
  gateway = await testGateway({ VAULT_ADDR: `http://127.0.0.1:${proxy.port}`, VAULT_TOKEN: 'configured-token' })
  const tokens = await given(gateway, {
    agents: [{ name: 'steady', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'], value }],
  })
  const token = tokens['steady'] ?? ''
  caller = { url: gateway.url, token, sessionId: await openSession(gateway.url, token) }
})
afterAll(async () => {
  await gateway.stop()
  proxy.close()
  vault.stop()
})

const read = () => callOnce(caller, 'certlocker_get_secret', { name: 'login' })

/** The gateway goes on by itself, and the log is whole. */
async function expectRecovery(): Promise<void> {
  await until(async () => (await read()).status === 'ok')
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
  expect(await recordedCalls(gateway.api)).toMatchObject({ isSound: true, gaps: [], undecided: [] })
}

async function expectNothingReleased(struck: () => Promise<void>): Promise<void> {
  const [end] = await Promise.all([read(), struck()])
  expect(end).toMatchObject({ status: 'failed', code: 'SECRET_STORE_UNAVAILABLE' })
  expect(end.ms).toBeLessThan(ANSWER_MS_MAX)
  expect(JSON.stringify(end)).not.toContain(value)
  expect((await recordedCalls(gateway.api)).typesOf(end.requestId)).toEqual([ALLOWED, 'AI_AGENT_CALL_FAILED'])
  await expectRecovery()
}

describe('between the gateway and its store of secrets', { timeout: 60_000 }, () => {
  test.each<[string, ExchangeFault]>([
    ['reset before the request', 'lost request'],
    ['reset before the answer', 'lost reply'],
    ['closed in the middle of the answer', 'cut reply'],
  ])('a connection that was open is %s: a read is done again on a new one, and recorded once', async (_, fault) => {
    await read()
    const [end] = await Promise.all([read(), proxy.strike(READ, fault)])
    expect(end).toMatchObject({ status: 'ok' })
    expect((await recordedCalls(gateway.api)).typesOf(end.requestId)).toEqual([ALLOWED, 'AI_AGENT_CALL_COMPLETED'])
  })

  test.each<[string, ExchangeFault]>([
    ['every connection is reset before the request', 'lost request'],
    ['every connection is reset before the answer', 'lost reply'],
    ['every answer is cut short', 'cut reply'],
  ])('%s: the call fails, on record, and the next one works', async (_, fault) => {
    // Leaves an open connection behind, so that there are two tries.
    await read()
    await expectNothingReleased(async () => {
      for (let tries = 0; tries < 2; tries++) await proxy.strike(READ, fault)
    })
  })

  test.each<[string, ExchangeFault]>([
    ['nothing ever comes back on an open connection', 'no reply'],
    ['the answer comes too late', { delayMs: 6_000 }],
  ])('%s: the call fails, on record, and the next one works', async (_, fault) => {
    await expectNothingReleased(() => proxy.strike(READ, fault))
  })

  test.each([500, 502, 503, 504, 429])(
    'it answers %i: the call fails, on record, and the next one works',
    async (status) => {
      let isStruck = false
      vault.script = (asked, response) => {
        if (isStruck || !asked.path.startsWith('secret/data/')) return false
        isStruck = true
        return say(response, status, { errors: [value] })
      }
      await expectNothingReleased(async () => undefined)
      vault.script = undefined
    },
  )

  test('an answer that is only slow is given, and recorded once', async () => {
    const [late] = await Promise.all([read(), proxy.strike(READ, { delayMs: 700 })])
    expect(late).toMatchObject({ status: 'ok' })
    expect(late.ms).toBeGreaterThan(600)
    expect((await recordedCalls(gateway.api)).typesOf(late.requestId)).toEqual([ALLOWED, 'AI_AGENT_CALL_COMPLETED'])
  })

  test('it falls silent as a whole: calls fail in time and readiness says so, until it speaks again', async () => {
    proxy.silence()
    const ends = await Promise.all([read(), read(), read()])
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'failed', code: 'SECRET_STORE_UNAVAILABLE' })
      expect(end.ms).toBeLessThan(ANSWER_MS_MAX)
    }
    const ready: unknown = await (await fetch(`${gateway.url}/health/ready`)).json()
    expect(ready).toMatchObject({ ready: false, checks: { secrets: { ok: false }, database: { ok: true } } })
    proxy.speak()
    await expectRecovery()
  })

  test.each<[string, ExchangeFault]>([
    ['lost on the way', 'lost request'],
    ['done without a reply', 'lost reply'],
    ['done with half a reply', 'cut reply'],
  ])('a new value whose write is %s is no version of the secret, whatever the store kept', async (_, fault) => {
    const before = (await gateway.api.get('/secrets/login')).body['version']
    const [answer] = await Promise.all([
      gateway.api.post('/secrets/login/versions', { value }),
      proxy.strike(WRITE, fault),
    ])
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'SECRET_STORE_UNAVAILABLE' } } })
    expect((await gateway.api.get('/secrets/login')).body).toMatchObject({ version: before })
    await expectRecovery()
    expect((await gateway.api.post('/secrets/login/versions', { value })).status).toBe(201)
    await expectRecovery()
  })
})
