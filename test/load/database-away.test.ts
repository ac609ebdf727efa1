import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedCluster, startEmbeddedCluster } from '../../src/adapters/postgres/embedded-cluster.ts'
import { type CallEnd, callingClients, callOnce } from '../support/calling-clients.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { silentLog } from '../support/silent-log.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

/** Within this the contract promises an answer, whatever the database does. */
const ANSWER_MS_MAX = 10_000
const CLIENTS = 8
const SECRET = 'certlocker_get_secret'
const NOTE = 'certlocker_write_audit_event'
const questions = [
  [SECRET, { name: 'login' }],
  [NOTE, { action: 'load', message: 'a note' }],
  [SECRET, { name: 'nothing' }],
] as const

let directory: string
let cluster: EmbeddedCluster
let proxy: FaultProxy
let gateway: TestGateway
let caller: { readonly url: string; readonly token: string; readonly sessionId: string }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certlocker-away-'))
  chmodSync(directory, 0o755)
  await startCluster()
  const { port, user, password, database } = cluster.connection
  proxy = await faultProxy(port)
  const databaseUrl = `postgres://${user}:${password.expose()}@127.0.0.1:${proxy.port}/${database}`
  gateway = await testGateway({
    CERTLOCKER_DATABASE__URL: databaseUrl,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000',
  })
  const tokens = await given(gateway, {
    agents: [{ name: 'steady', groups: ['staging'], scopes: ['secret:read', 'audit:write'] }],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  const token = tokens['steady'] ?? ''
  caller = { url: gateway.url, token, sessionId: await openSession(gateway.url, token) }
})
afterAll(async () => {
  proxy.speak()
  await gateway.stop()
  proxy.close()
  await cluster.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function startCluster(): Promise<void> {
  cluster = await startEmbeddedCluster({ directory: join(directory, 'cluster'), durable: true, log: silentLog })
}

async function readiness(): Promise<{ readonly status: number; readonly ms: number }> {
  const startMs = performance.now()
  const { status } = await fetch(`${gateway.url}/health/ready`)
  return { status, ms: performance.now() - startMs }
}

const isReady = async () => (await readiness()).status === 200
const isAway = ({ httpStatus, code }: CallEnd) => httpStatus === 503 || code === 'GATEWAY_AUDIT_UNAVAILABLE'

/** Runs calls before, while and after something happens to the database, and checks every one of them. */
async function callsAround(away: () => Promise<void>, back: () => Promise<void>) {
  const clients = callingClients({ ...caller, clients: CLIENTS, questions })
  await until(async () => clients.ends.length > 5 * CLIENTS)
  await away()
  await until(async () => clients.ends.some(isAway))
  const ready = await readiness()
  const answeredAway = clients.ends.length
  await until(async () => clients.ends.length > answeredAway + CLIENTS)
  await back()
  await until(isReady)
  const answeredBack = clients.ends.length
  await until(async () => clients.ends.slice(answeredBack).filter(({ status }) => status === 'ok').length > CLIENTS)
  return { ends: await clients.stop(), ready }
}

async function expectSound(ends: readonly CallEnd[]) {
  expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(ANSWER_MS_MAX)
  const other = ends.filter((end) => !isAway(end) && (end.httpStatus !== 200 || end.status === ''))
  expect(other).toEqual([])
  const recorded = await recordedCalls(gateway.api)
  expect(recorded.isSound).toBe(true)
  expect(recorded.gaps).toEqual([])
  expect(recorded.undecided).toEqual([])
  for (const { status, code, message, requestId } of ends) {
    const types = recorded.typesOf(requestId)
    if (status === 'ok') {
      expect(types[0]).toBe('AI_AGENT_POLICY_ALLOWED')
      expect(types.at(-1)).toBe('AI_AGENT_CALL_COMPLETED')
    } else if (code === 'RESOURCE_UNKNOWN') expect(types).toEqual(['AI_AGENT_POLICY_DENIED'])
    else if (message.endsWith('nothing was done')) expect(types).not.toContain('AI_AGENT_NOTE')
  }
  expect((await gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
}

describe('a database that', () => {
  test('stops in the middle of calls and comes back leaves no effect without a record', {
    timeout: 90_000,
  }, async () => {
    const { ends, ready } = await callsAround(
      () => cluster.stop(),
      async () => {
        await startCluster()
        proxy.turnTo(cluster.connection.port)
      },
    )
    expect(ready.status).toBe(503)
    expect(ready.ms).toBeLessThan(ANSWER_MS_MAX)
    await expectSound(ends)
  })

  test('falls silent counts as away, and is used again once it speaks', { timeout: 120_000 }, async () => {
    const { ends, ready } = await callsAround(
      async () => proxy.silence(),
      async () => proxy.speak(),
    )
    expect(ready.status).toBe(503)
    expect(ready.ms).toBeLessThan(ANSWER_MS_MAX)
    await expectSound(ends)
  })

  test('is away lets nobody in: REST answers 503 as well, live stays live', { timeout: 60_000 }, async () => {
    proxy.silence()
    try {
      const startMs = performance.now()
      const [call, rest, live] = await Promise.all([
        callOnce(caller, SECRET, { name: 'login' }),
        gateway.api.get('/agents'),
        fetch(`${gateway.url}/health/live`),
      ])
      expect(performance.now() - startMs).toBeLessThan(ANSWER_MS_MAX)
      expect(isAway(call)).toBe(true)
      expect(rest.status).toBe(503)
      expect(JSON.stringify(rest.body)).not.toMatch(/postgres|127\.0\.0\.1|timeout/i)
      expect(live.status).toBe(200)
    } finally {
      proxy.speak()
    }
    await until(isReady)
    expect(await callOnce(caller, SECRET, { name: 'login' })).toMatchObject({ status: 'ok' })
  })
})
