import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DecisionLog, decisionLogBounds } from '../../src/adapters/opa-reports/decision-log.ts'
import { resolveOpa } from '../../src/cli/policy/opa-tool.ts'
import { connect } from '../support/agent.ts'
import { anEvent } from '../support/an-event.ts'
import { freePort } from '../support/free-port.ts'
import { given } from '../support/given.ts'
import { silentLog } from '../support/silent-log.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

interface Report {
  readonly [name: string]: unknown
}

const taken = { logs: [] as Report[], status: [] as Report[], credentials: new Set<unknown>() }
/** What the real OPA tells of the same policy, which it fetches from here. */
const told = { logs: [] as Report[], status: [] as Report[] }
/** By which headers each kind of report is read. */
const encodings = new Map<string, unknown>()
const shipped = readFileSync('bundles/certlocker.tar.gz')
/** What the consumer answers next; `silence` is no answer at all. */
let answers: (number | 'silence')[] = []
let consumer: Server
let gateway: TestGateway
let token: string
let url: string

async function answer(request: IncomingMessage, to: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const [, by, kind] = /^(\/opa)?\/(logs|status|bundle)$/u.exec(request.url ?? '') ?? []
  if (kind === 'bundle') return void to.end(shipped)
  const status = kind === 'status' || by !== undefined ? 200 : (answers.shift() ?? 200)
  if (status === 'silence') return
  const encoding = request.headers['content-encoding']
  encodings.set(`${by ?? ''} ${kind}`, [request.headers['content-type'], encoding])
  const body = Buffer.concat(chunks)
  const report: Report | Report[] = JSON.parse((encoding === 'gzip' ? gunzipSync(body) : body).toString())
  if (by === undefined) taken.credentials.add(request.headers.authorization)
  const { logs, status: reports } = by === undefined ? taken : told
  if (status === 200) (Array.isArray(report) ? logs : reports).push(...[report].flat())
  to.writeHead(status).end()
}

beforeAll(async () => {
  consumer = createServer((request, to) => void answer(request, to)).listen(0, '127.0.0.1')
  await once(consumer, 'listening')
  const address = consumer.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
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

/** Runs the real OPA with reports turned on, asks it one question, and waits for what it tells. */
async function opaTells(input: unknown): Promise<void> {
  const opa = await resolveOpa()
  if (!opa.ok) throw new Error(opa.error)
  const settings = [
    `services.here.url=${url}/opa`,
    'bundles.certlocker.service=here',
    'bundles.certlocker.resource=bundle',
    'status.service=here',
    'decision_logs.service=here',
    'decision_logs.reporting.min_delay_seconds=0',
    'decision_logs.reporting.max_delay_seconds=1',
  ]
  const address = `127.0.0.1:${await freePort()}`
  const flags = ['run', '--server', '--addr', address, '--skip-verify']
  const server = spawn(opa.value.path, [...flags, ...settings.flatMap((setting) => ['--set', setting])], {
    stdio: 'ignore',
  })
  try {
    await until(async () => JSON.stringify(told.status).includes('"bundle":{"state":"OK"}'))
    await until(() => answersAt(`http://${address}/health?bundles`))
    await fetch(`http://${address}/v1/data/certlocker/main/decision`, {
      method: 'POST',
      body: JSON.stringify({ input }),
    })
    await until(async () => told.logs.length > 0)
  } finally {
    server.kill()
    await once(server, 'exit')
  }
}

async function answersAt(place: string): Promise<boolean> {
  return fetch(place).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** Paths and types of all that a report holds, but for what has any shape: input, result, and what is ours. */
function shapeOf(report: unknown, path = ''): readonly string[] {
  if (/^\.(input|result|custom|metrics)$/u.test(path)) return []
  if (typeof report !== 'object' || report === null || Array.isArray(report)) return [`${path}: ${typeof report}`]
  return Object.entries(report).flatMap(([name, value]) => shapeOf(value, `${path}.${name}`))
}

/** Members that OPA documents and has no reason to send here (management-decision-logs, management-status). */
const documented = new Set([
  '.labels.app: string',
  '.trace_id: string',
  '.span_id: string',
  '.bundles.certlocker.code: string',
  '.bundles.certlocker.message: string',
])

test('reports have the members and types that those of OPA itself have, and come as those do', async () => {
  const agent = await connect(gateway.url, token)
  await agent.calls('certlocker_get_secret', { name: 'db' })
  await until(async () => ofTheAgent().length > 0 && taken.status.length > 0)
  await opaTells(ofTheAgent()[0]?.['input'])
  for (const [ours, theirs] of [
    [taken.logs, told.logs],
    [taken.status, told.status],
  ] as const) {
    const known = new Set([...theirs.flatMap((report) => shapeOf(report)), ...documented])
    const stray = ours.flatMap((report) => shapeOf(report)).filter((member) => !known.has(member))
    expect(stray).toEqual([])
  }
  const [ourLog] = ofTheAgent()
  const [theirLog] = told.logs
  for (const member of ['decision_id', 'path', 'timestamp', 'bundles', 'input', 'result', 'labels'])
    expect([ourLog, theirLog].map((log) => typeof log?.[member])).toEqual([
      typeof theirLog?.[member],
      typeof theirLog?.[member],
    ])
  expect(ourLog?.['path']).toBe(theirLog?.['path'])
  for (const kind of ['logs', 'status']) expect(encodings.get(` ${kind}`)).toEqual(encodings.get(`/opa ${kind}`))
}, 30_000)

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
