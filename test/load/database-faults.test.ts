import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOnce, type CallEnd } from '../support/calling-clients.ts'
import { type ExchangeFault, type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const ANSWER_MS_MAX = 10_000
const SECRET = 'certlocker_get_secret'
const NOTE = 'certlocker_write_audit_event'
const ALLOWED = 'AI_AGENT_POLICY_ALLOWED'
const NOTED = 'AI_AGENT_NOTE'
const FAILED = 'AI_AGENT_CALL_FAILED'
const COMPLETED = 'AI_AGENT_CALL_COMPLETED'
const inEvent = (type: string) => `"type":"${type}"`

interface Moment {
  readonly tool: string
  /** In the request to the database that the fault strikes. */
  readonly text: string
  /** What is on record already, or is by the request before. */
  readonly before: readonly string[]
  /** What the struck request would put on record. */
  readonly struck: readonly string[]
  /** Whether the agent is told that an effect may have happened. */
  readonly effect: 'none' | 'possible'
}

const moments: Readonly<Record<string, Moment>> = {
  'the append of the decision': { tool: SECRET, text: inEvent(ALLOWED), before: [], struck: [ALLOWED], effect: 'none' },
  'the reading of the value': {
    tool: SECRET,
    text: '"sealed_values"',
    before: [ALLOWED],
    struck: [],
    effect: 'possible',
  },
  'the append of the note': {
    tool: NOTE,
    text: inEvent(NOTED),
    before: [ALLOWED],
    struck: [NOTED],
    effect: 'possible',
  },
  'the append of the outcome': {
    tool: SECRET,
    text: inEvent(COMPLETED),
    before: [ALLOWED],
    struck: [COMPLETED],
    effect: 'possible',
  },
}

/** Whether the server acts on the request that the fault strikes. */
const faults: Readonly<Record<string, { readonly fault: ExchangeFault; readonly isActedOn: boolean }>> = {
  'is lost on the way': { fault: 'lost request', isActedOn: false },
  'is done, and the reply is lost': { fault: 'lost reply', isActedOn: true },
  'is done, and the reply is cut short': { fault: 'cut reply', isActedOn: true },
  'is done, and nobody ever says so': { fault: 'no reply', isActedOn: true },
  'is done, and the reply comes too late': { fault: { delayMs: 6_000 }, isActedOn: true },
}

/** One per moment, so that the moments can be waited out side by side. */
interface Place {
  readonly moment: Moment
  readonly database: TestDatabase
  readonly proxy: FaultProxy
  readonly gateway: TestGateway
  readonly caller: Parameters<typeof callOnce>[0]
  secrets: number
}

const places = new Map<string, Place>()

beforeAll(async () => {
  for (const [name, moment] of Object.entries(moments)) {
    const database = await testDatabase()
    const proxy = await faultProxy(database.connection.port)
    const url = new URL(database.url)
    url.port = String(proxy.port)
    const gateway = await testGateway({ CERTLOCKER_DATABASE__URL: url.href })
    const tokens = await given(gateway, {
      agents: [{ name: 'steady', groups: ['staging'], scopes: ['secret:read', 'audit:write'] }],
    })
    const token = tokens['steady'] ?? ''
    const caller = { url: gateway.url, token, sessionId: await openSession(gateway.url, token) }
    places.set(name, { moment, database, proxy, gateway, caller, secrets: 0 })
  }
})
afterAll(async () => {
  for (const { gateway, proxy, database } of places.values()) {
    await gateway.stop()
    proxy.close()
    await database.drop()
  }
})

function placeOf(name: string): Place {
  const place = places.get(name)
  if (place === undefined) throw new Error(`no place for ${name}`)
  return place
}

/** A question whose answer nobody has kept. */
async function freshQuestion(place: Place): Promise<object> {
  if (place.moment.tool === NOTE) return { action: 'test', message: 'a note' }
  const name = `login-${place.secrets++}`
  await place.gateway.api.create('/secrets', { name, groups: ['staging'], type: 'password', value: 'a-planted-value' })
  return { name }
}

async function struckCall(place: Place, fault: ExchangeFault): Promise<CallEnd> {
  const question = await freshQuestion(place)
  const { proxy, caller, moment } = place
  const struck = proxy.strike(moment.text, fault)
  const end = await callOnce(caller, moment.tool, question)
  await struck
  return end
}

/** The gateway goes on by itself: no restart, and soon. */
async function expectRecovery(place: Place): Promise<void> {
  const question = await freshQuestion(place)
  await until(async () => (await callOnce(place.caller, place.moment.tool, question)).status === 'ok')
  const recorded = await recordedCalls(place.gateway.api)
  expect(recorded).toMatchObject({ isSound: true, gaps: [], undecided: [] })
  expect((await place.gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
}

/** What the agent was told and what is on record, for a fault whose effect on the server is certain. */
async function expectHonest(place: Place, end: CallEnd, isActedOn: boolean): Promise<void> {
  const { before, struck, effect, tool } = place.moment
  const types = (await recordedCalls(place.gateway.api)).typesOf(end.requestId)
  if (struck.length === 0) {
    // The value was not read: a failure of the store, with its outcome on record.
    expect(end).toMatchObject({ status: 'failed', code: 'SECRET_STORE_UNAVAILABLE' })
    expect(types).toEqual([...before, FAILED])
    return
  }
  expect(end).toMatchObject({ status: 'denied', code: 'GATEWAY_AUDIT_UNAVAILABLE' })
  expect(end.message).toContain(effect === 'none' ? 'nothing was done' : 'may have happened')
  const recorded = isActedOn ? [...before, ...struck] : [...before]
  expect([recorded, ...(tool === NOTE ? [[...recorded, FAILED]] : [])]).toContainEqual(types)
}

describe.concurrent.each(Object.keys(moments))('no result without a record, no record twice, when %s', (name) => {
  test('goes wrong on the wire in any way', { timeout: 90_000 }, async () => {
    const place = placeOf(name)
    for (const [what, { fault, isActedOn }] of Object.entries(faults)) {
      const end = await struckCall(place, fault)
      expect(end.ms, what).toBeLessThan(ANSWER_MS_MAX)
      await expectRecovery(place)
      await expectHonest(place, end, isActedOn)
    }
    const late = await struckCall(place, { delayMs: 700 })
    expect(late).toMatchObject({ status: 'ok' })
    expect(late.ms).toBeGreaterThan(600)
    const recorded = await recordedCalls(place.gateway.api)
    expect(recorded.typesOf(late.requestId)).toEqual([
      ALLOWED,
      ...(place.moment.tool === NOTE ? [NOTED] : []),
      COMPLETED,
    ])
  })
})

describe('a change over REST whose commit', () => {
  const commits: readonly (readonly [what: string, fault: ExchangeFault & string, isDone: boolean])[] = [
    ['is lost on the way never happened', 'lost request', false],
    ['is done without a reply happened once, with its event', 'lost reply', true],
    ['is done with half a reply happened once, with its event', 'cut reply', true],
  ]
  test.each(commits)('%s, and the answer is 503', async (_, fault, isDone) => {
    const { proxy, gateway } = placeOf('the append of the outcome')
    const name = fault.replace(' ', '-')
    // What runs on a schedule commits too, and must not be struck in its place.
    const struck = proxy.strike('COMMIT', fault, name)
    const answer = await gateway.api.post('/groups', { name, environment: 'staging' })
    await struck
    expect(answer.status).toBe(503)
    expect((await gateway.api.get(`/groups/${name}`)).status).toBe(isDone ? 200 : 404)
    const { items } = (await gateway.api.get('/audit?type=GROUP_CREATED&limit=200')).body
    const created = JSON.stringify(items).split(`"${name}"`).length > 1
    expect(created).toBe(isDone)
    expect((await gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
    const again = await gateway.api.post('/groups', { name, environment: 'staging' })
    expect(again.status).toBe(isDone ? 409 : 201)
  })
})
