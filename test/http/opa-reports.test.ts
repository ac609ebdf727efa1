import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DecisionLog, decisionLogBounds } from '../../src/adapters/opa-reports/decision-log.ts'
import { connect } from '../support/agent.ts'
import { anEvent } from '../support/an-event.ts'
import { given } from '../support/given.ts'
import { silentLog } from '../support/silent-log.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

interface Report {
  readonly [name: string]: unknown
}

const taken = { logs: [] as Report[], status: [] as Report[], credentials: new Set<unknown>() }
/** What the consumer answers next; `silence` is no answer at all. */
let answers: (number | 'silence')[] = []
let consumer: Server
let gateway: TestGateway
let token: string

async function answer(request: IncomingMessage, to: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const status = request.url === '/status' ? 200 : (answers.shift() ?? 200)
  if (status === 'silence') return
  const report: Report | Report[] = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString())
  taken.credentials.add(request.headers.authorization)
  if (status === 200) (Array.isArray(report) ? taken.logs : taken.status).push(...[report].flat())
  to.writeHead(status).end()
}

beforeAll(async () => {
  consumer = createServer((request, to) => void answer(request, to)).listen(0, '127.0.0.1')
  await once(consumer, 'listening')
  const address = consumer.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  gateway = await testGateway({
    CERTLOCKER_POLICY__LOGS_URL: `${url}/logs`,
    CERTLOCKER_POLICY__STATUS_URL: `${url}/status`,
    CERTLOCKER_POLICY__REPORT_CREDENTIAL: 'robot-token',
  })
  const tokens = await given(gateway, {
    agents: [{ name: 'bot', groups: ['staging'] }],
    secrets: [{ name: 'db', groups: ['staging'], value: 'canary-of-the-reports' }],
  })
  token = tokens['bot'] ?? ''
})
afterAll(async () => {
  await gateway.stop()
  consumer.close().closeAllConnections()
})

const ofTheAgent = () =>
  taken.logs.filter(({ path, custom }) => path && JSON.stringify(custom).includes('AI_AGENT_POLICY_'))

test('decisions are told as OPA tells them, each once and in order, also after a consumer that refused', async () => {
  answers = [503, 503]
  const agent = await connect(gateway.url, token)
  for (const name of ['db', 'nothing', 'db']) await agent.calls('certlocker_get_secret', { name })
  await until(async () => ofTheAgent().length >= 3)
  const decided = ofTheAgent().slice(-3)
  expect(decided.map(({ result }) => result)).toMatchObject([
    { effect: 'allow' },
    { effect: 'deny' },
    { effect: 'allow' },
  ])
  const [first] = decided
  expect(first).toMatchObject({
    labels: { app: 'certlocker', id: expect.any(String) },
    decision_id: expect.stringMatching(/^dec_/u),
    bundles: { certlocker: { revision: expect.stringMatching(/^certlocker-/u) } },
    path: 'certlocker/main/decision',
    input: { schema: 'certlocker.input/v1', call: { action: 'secret.read' } },
    requested_by: '127.0.0.1',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u),
    custom: { bundleDigest: expect.stringMatching(/^sha256:/u), type: 'AI_AGENT_POLICY_ALLOWED' },
  })
  const ids = taken.logs.map(({ decision_id: id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect([...taken.credentials]).toEqual(['Bearer robot-token'])
  expect(JSON.stringify(taken.logs)).not.toMatch(/canary-of-the-reports|robot-token|clk_/u)
})

test('a consumer that says nothing keeps no call', async () => {
  const before = ofTheAgent().length
  answers = ['silence']
  const agent = await connect(gateway.url, token)
  const { structured } = await agent.calls('certlocker_get_secret', { name: 'db' })
  expect(structured['status']).toBe('ok')
  await until(async () => answers.length === 0)
  expect((await agent.calls('certlocker_get_secret', { name: 'db' })).structured['status']).toBe('ok')
  expect(ofTheAgent()).toHaveLength(before)
})

test('the status names the bundle in force, and what was refused as soon as it is', async () => {
  await until(async () => taken.status.some(({ plugins }) => JSON.stringify(plugins).includes('OK')))
  expect(taken.status.at(-1)).toMatchObject({
    labels: { app: 'certlocker' },
    bundles: {
      certlocker: {
        name: 'certlocker',
        active_revision: expect.stringMatching(/^certlocker-/u),
        last_successful_activation: expect.stringMatching(/^\d{4}-/u),
      },
    },
  })
  const response = await fetch(`${gateway.url}/api/v1/policy/bundle`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${gateway.adminKey}`, 'content-type': 'application/gzip' },
    body: 'no bundle',
  })
  expect(response.status).toBe(422)
  await until(async () => JSON.stringify(taken.status.at(-1)).includes('BUNDLE_MALFORMED'))
  expect(taken.status.at(-1)).toMatchObject({ bundles: { certlocker: { code: 'bundle_error' } } })
})

test('what waits is bounded, and what is dropped is told', async () => {
  const warnings: unknown[] = []
  const decisions = new DecisionLog({
    place: { url: 'http://127.0.0.1:1/logs', credential: undefined },
    labels: {},
    recordedAt: async () => new Map(),
    log: { ...silentLog, warn: (_, fields) => void warnings.push(fields) },
  })
  const event = anEvent({ decisionId: 'dec_1', inputDigest: 'sha256:00' })
  decisions.appended(Array.from({ length: decisionLogBounds.queueMax + 3 }, (_, seq) => ({ ...event, seq })))
  await decisions.close()
  const counted = warnings.map((fields) =>
    typeof fields === 'object' && fields !== null && 'decisions' in fields ? Number(fields.decisions) : 0,
  )
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(decisionLogBounds.queueMax + 3)
})
