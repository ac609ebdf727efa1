import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedCluster, startEmbeddedCluster } from '../../src/adapters/postgres/embedded-cluster.ts'
import { type CallEnd, callingClients } from '../support/calling-clients.ts'
import { itemsOf } from '../support/items.ts'
import { exercised } from '../support/components.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { restClient } from '../support/rest-client.ts'
import { silentLog } from '../support/silent-log.ts'
import { until } from '../support/until.ts'
import { type ServerProcess, startServer } from './processes.ts'

/** Few, since each needs a process of its own. A hundred: `npm run test:crash`, which continuous integration runs as well. */
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 3)
const ROUNDS_PER_CHECK = 10
/** Every so many rounds PostgreSQL is killed with the gateway. */
const DATABASE_EVERY = 3
const CLIENTS = 8
const CALLS_BEFORE_MAX = 60
const CHECK_MS_MAX = 120_000
const adminKey = 'an-admin-key-for-the-crash-test-0123456789'
const launcher = fileURLToPath(new URL('../../src/launch.js', import.meta.url))
const questions = [
  ['certlocker_get_secret', { name: 'login' }],
  ['certlocker_write_audit_event', { action: 'load', message: 'a note' }],
  ['certlocker_get_secret', { name: 'nothing' }],
  ['certlocker_list_allowed_resources', {}],
  ['certlocker_get_secret', { name: 'guarded' }],
] as const

let directory: string
let cluster: EmbeddedCluster
let proxy: FaultProxy
let gateway: ServerProcess
/** A replica that starts while calls go to the other one, so that a round does not wait for it. */
let next: Promise<ServerProcess>
let token: string
let sessionId: string
let approverKey: string

/** The gateway as an operator starts it, with its own PostgreSQL or on one that stays. */
function startGateway(databaseUrl?: string): Promise<ServerProcess> {
  return startServer([launcher, 'serve'], {
    ...(databaseUrl === undefined ? {} : { CERTLOCKER_DATABASE__URL: databaseUrl }),
    CERTLOCKER_DATA_DIR: join(directory, 'data'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000',
    CERTLOCKER_APPROVALS__HOLD_SECONDS: '0',
  })
}

/** Starts PostgreSQL on the data that a gateway's own one left behind. */
async function startCluster(): Promise<void> {
  cluster = await startEmbeddedCluster({ directory: join(directory, 'data', 'postgres'), log: silentLog })
}

function startReplica(): Promise<ServerProcess> {
  const { user, password, database } = cluster.connection
  const started = startGateway(`postgres://${user}:${password.expose()}@127.0.0.1:${proxy.port}/${database}`)
  // Whoever waits for it hears of a failure; until then nobody may.
  started.catch(() => undefined)
  return started
}

const api = () => restClient(gateway.url, adminKey)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certlocker-crash-'))
  chmodSync(directory, 0o755)
  gateway = await startGateway()
  exercised('postgres')
  const tokens = await given(
    { api: api() },
    {
      agents: [{ name: 'steady', groups: ['staging', 'prod'], scopes: ['secret:read', 'audit:write'] }],
      secrets: [
        { name: 'login', groups: ['staging'] },
        { name: 'guarded', groups: ['prod'] },
      ],
    },
  )
  const bo = { email: 'bo@example.com', name: 'Bo', role: 'approver', groups: ['prod'] }
  await api().create('/people', bo)
  const { value } = await api().create('/api-keys', { person: bo.email, name: 'test', ttlSeconds: 86_400 })
  approverKey = String(value)
  token = tokens['steady'] ?? ''
  sessionId = await openSession(gateway.url, token)
}, CHECK_MS_MAX)
afterAll(async () => {
  await Promise.all([gateway, await next].map((each) => each.stop()))
  proxy.close()
  await cluster.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Kills the gateway once some calls were answered, while others are under way. @returns what was answered */
async function crash(withDatabase = false): Promise<readonly CallEnd[]> {
  const calls = Math.ceil(Math.random() * CALLS_BEFORE_MAX)
  const clients = callingClients({ url: gateway.url, token, sessionId, clients: CLIENTS, questions })
  const approving = approveUntilGone()
  await until(async () => clients.ends.length >= calls)
  if (withDatabase) process.kill(cluster.pid, 'SIGKILL')
  const gone = gateway.kill()
  const ends = await clients.stop()
  await Promise.all([gone, approving])
  const answered = ends.filter(({ httpStatus }) => httpStatus !== 0)
  expect(answered.length).toBeGreaterThanOrEqual(calls)
  return answered
}

/** Approves what waits, again and again, until the gateway is no more. */
async function approveUntilGone(): Promise<void> {
  const approver = restClient(gateway.url, approverKey)
  for (let isUp = true; isUp; ) {
    isUp = await approver
      .get('/approvals?status=pending')
      .then(async ({ body }) => {
        for (const { id } of itemsOf(body)) await approver.post(`/approvals/${String(id)}/approve`)
        return true
      })
      .catch(() => false)
  }
}

/** The next gateway was up, or still starting, when its database went. It need not be started anew to find it again. */
async function recoverDatabase(): Promise<void> {
  await cluster.stop()
  await startCluster()
  proxy.turnTo(cluster.connection.port)
  next = next.catch(startReplica)
  const { url } = await next
  await until(async () => (await fetch(`${url}/health/ready`)).ok)
}

let consumedInAll = 0

async function expectOnRecord(answered: readonly CallEnd[]): Promise<void> {
  const recorded = await recordedCalls(api())
  expect(recorded).toMatchObject({ isSound: true, gaps: [], undecided: [] })
  for (const { status, code, requestId } of answered) {
    const types = recorded.typesOf(requestId)
    if (status === 'approval_required' || code === 'APPROVAL_LIMIT') expect(types[0]).toBe('AI_AGENT_APPROVAL_REQUIRED')
    else if (status === 'denied') expect(types).toEqual(['AI_AGENT_POLICY_DENIED'])
    else {
      expect(['ok', 'failed']).toContain(status)
      expect(types[0]).toBe('AI_AGENT_POLICY_ALLOWED')
      expect(types.at(-1)).toBe(status === 'ok' ? 'AI_AGENT_CALL_COMPLETED' : 'AI_AGENT_CALL_FAILED')
    }
  }
  const consumed = itemsOf((await api().get('/audit?type=APPROVAL_CONSUMED&limit=200')).body).map(({ details }) =>
    JSON.stringify(details),
  )
  expect(new Set(consumed).size).toBe(consumed.length)
  consumedInAll = consumed.length
  expect((await api().get('/audit/verify')).body).toMatchObject({ ok: true, firstBadSeq: null })
}

describe('kill -9 under load', () => {
  test('of a gateway, and so of its own database, loses nothing that was answered', {
    timeout: CHECK_MS_MAX,
  }, async () => {
    const answered = await crash()
    await startCluster()
    proxy = await faultProxy(cluster.connection.port)
    gateway = await startReplica()
    next = startReplica()
    await expectOnRecord(answered)
  })

  test.each(Array.from({ length: Math.ceil(ROUNDS / ROUNDS_PER_CHECK) }, (_, index) => index * ROUNDS_PER_CHECK + 1))(
    'of one replica after the other, and now and then of the database, loses nothing either (from round %i on)',
    { timeout: CHECK_MS_MAX },
    async (first) => {
      const answered: CallEnd[] = []
      for (let round = first; round < first + ROUNDS_PER_CHECK && round <= ROUNDS; round++) {
        const withDatabase = round % DATABASE_EVERY === 0
        answered.push(...(await crash(withDatabase)))
        if (withDatabase) await recoverDatabase()
        gateway = await next
        next = startReplica()
      }
      await expectOnRecord(answered)
    },
  )

  test('fell on approvals that were being used, too', () => {
    expect(consumedInAll).toBeGreaterThan(0)
  })
})
