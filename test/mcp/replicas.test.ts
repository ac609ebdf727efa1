import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, initialize, openSession, rawMcp } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const SECRETS_PER_HOUR_MAX = 100
const DENIED_NAMES_PER_MINUTE_MAX = 25
const CALLS_PER_MINUTE = 20
const NOTICED_WITHIN_MS = 1_000

const secrets = Array.from({ length: SECRETS_PER_HOUR_MAX + 20 }, (_, index) => `secret-${index}`)
const lifecycle = ['suspended', 'resumed', 'revoked', 'token-revoked', 'session-ended', 'disabled', 'enabled'] as const

let gateway: TestGateway
let replica: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: ['caller', 'reader', 'guesser', ...lifecycle].map((name) => ({ name, groups: ['staging'] })),
    secrets: secrets.map((name) => ({ name, groups: ['staging'] })),
  })
  replica = await gateway.replica()
})
afterAll(async () => {
  await replica.stop()
  await gateway.stop()
})

const tokenOf = (agent: string) => tokens[agent] ?? ''
const read = async (agent: Agent, name: string) => {
  const { structured } = await agent.calls('certlocker_get_secret', { name })
  return structured['code'] ?? structured['status']
}
const atBoth = (agent: string) => Promise.all([gateway, replica].map(({ url }) => connect(url, tokenOf(agent))))

describe('limits hold over two replicas, up to what the other lets through before it knows', () => {
  test('calls a minute', async () => {
    const strict = await gateway.replica({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: String(CALLS_PER_MINUTE) })
    const call = async ({ url }: TestGateway) =>
      (await rawMcp(url, { token: tokenOf('caller'), message: initialize })).status
    for (let index = 0; index < CALLS_PER_MINUTE; index++) expect(await call(gateway)).toBe(200)
    let admitted = 0
    await expect
      .poll(
        async () => {
          const status = await call(strict)
          if (status === 200) admitted += 1
          return status
        },
        { interval: 250, timeout: 10_000 },
      )
      .toBe(429)
    expect(admitted).toBeLessThan(CALLS_PER_MINUTE)
    await strict.stop()
  })

  test('the budget of distinct secrets', async () => {
    const next = secrets.values()
    const readNext = async (reader: Agent | undefined) => reader && read(reader, next.next().value ?? '')
    const [here, there] = await atBoth('reader')
    const half = SECRETS_PER_HOUR_MAX / 2
    for (let index = 0; index < half; index++) expect(await readNext(here)).toBe('ok')
    for (let index = 0; index < half - 1; index++) expect(await readNext(there)).toBe('ok')
    await expect.poll(() => readNext(here), { interval: 250 }).toBe('READ_BUDGET_EXCEEDED')
    await expect.poll(() => readNext(there), { interval: 250 }).toBe('READ_BUDGET_EXCEEDED')
    const given = await gateway.api.get('/audit?limit=200&agent=reader&type=AI_AGENT_CALL_COMPLETED')
    expect(itemsOf(given.body).length).toBeLessThanOrEqual(SECRETS_PER_HOUR_MAX + 2)
  })

  test('the burst of denials, which suspends the agent everywhere', async () => {
    const [here, there] = await atBoth('guesser')
    const guess = async (at: Agent | undefined, index: number) => at && read(at, `no-such-${index}`)
    for (let index = 0; index < DENIED_NAMES_PER_MINUTE_MAX - 5; index++) await guess(here, index)
    for (let index = DENIED_NAMES_PER_MINUTE_MAX - 5; index < DENIED_NAMES_PER_MINUTE_MAX; index++)
      expect(await guess(there, index)).toBe('RESOURCE_UNKNOWN')
    await guess(there, DENIED_NAMES_PER_MINUTE_MAX)
    expect((await gateway.api.get('/agents/guesser')).body).toMatchObject({ status: 'suspended' })
    await expectWithinASecond(gateway, 'guesser', 401)
  })
})

const sessions = new Map<string, string>()
const statusAt = async ({ url }: TestGateway, agent: string) => {
  const session = { token: tokenOf(agent), sessionId: sessions.get(agent) ?? '' }
  return (await rawMcp(url, { ...session, message: handshakeMessage('tools/list') })).status
}

async function expectWithinASecond(at: TestGateway, agent: string, status: number): Promise<void> {
  const doneAt = performance.now()
  await until(async () => (await statusAt(at, agent)) === status)
  expect(performance.now() - doneAt).toBeLessThan(NOTICED_WITHIN_MS)
}

/** How each is done at one replica to the agent of that name, and what the other then answers it. */
const steps: readonly (readonly [(typeof lifecycle)[number], (agent: string) => Promise<void>, number])[] = [
  ['suspended', (agent) => change(`/agents/${agent}/suspend`), 401],
  ['revoked', (agent) => change(`/agents/${agent}/revoke`), 401],
  ['token-revoked', async (agent) => change(`/tokens/${await tokenIdOf(agent)}/revoke`), 401],
  ['session-ended', (agent) => change(`/sessions/${sessions.get(agent)}/end`), 404],
  ['disabled', (agent) => own(agent, true), 401],
]

describe('what is done at one replica counts at the other within a second', () => {
  test.each(steps)('an agent is %s', async (agent, act, status) => {
    await isLetIn(agent)
    await act(agent)
    await expectWithinASecond(replica, agent, status)
    expect(await statusAt(gateway, agent)).toBe(status)
  })

  test.each([
    [
      'resumed',
      (agent: string) => change(`/agents/${agent}/suspend`),
      (agent: string) => change(`/agents/${agent}/resume`),
    ],
    ['enabled', (agent: string) => own(agent, true), enableAndResume],
  ] as const)('an agent is %s, and works again once a client has opened a session', async (agent, stop, goOn) => {
    await isLetIn(agent)
    await stop(agent)
    await expectWithinASecond(replica, agent, 401)
    await goOn(agent)
    const doneAt = performance.now()
    await until(async () => (await rawMcp(replica.url, { token: tokenOf(agent), message: initialize })).status === 200)
    expect(performance.now() - doneAt).toBeLessThan(NOTICED_WITHIN_MS)
  })
})

/** The agent has a session, and the replica has just let it through. */
async function isLetIn(agent: string): Promise<void> {
  sessions.set(agent, await openSession(gateway.url, tokenOf(agent)))
  expect(await statusAt(replica, agent)).toBe(200)
}

async function change(path: string): Promise<void> {
  expect((await gateway.api.post(path, { reason: 'a test' })).status).toBe(200)
}

/** Gives the agent an owner of its own, whom nobody else loses, and disables or enables that owner. */
async function own(agent: string, disabled: boolean): Promise<void> {
  const email = `owner-of-${agent}@example.com`
  if (disabled) {
    await gateway.api.create('/people', { email, name: 'Short Term', role: 'operator', groups: ['staging'] })
    expect((await gateway.api.patch(`/agents/${agent}`, { owner: email })).status).toBe(200)
  }
  expect((await gateway.api.patch(`/people/${email}`, { disabled })).status).toBe(200)
}

/** An enabled owner does not bring back by itself what was suspended with them. */
async function enableAndResume(agent: string): Promise<void> {
  await own(agent, false)
  await change(`/agents/${agent}/resume`)
}

async function tokenIdOf(agent: string): Promise<string> {
  const [token] = itemsOf((await gateway.api.get(`/tokens?agent=${agent}`)).body)
  return String(token?.['id'])
}
