import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callOnce } from '../support/calling-clients.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type FakeVault, fakeVault } from '../support/fake-vault.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { type Answer, restClient } from '../support/rest-client.ts'
import { until } from '../support/until.ts'
import { startCommand } from './measured.ts'
import { type ServerProcess, startServer } from './processes.ts'

const REFUSED_MS = 2_500
let database: TestDatabase
let dataDir: string
let vault: FakeVault
let replicas: readonly ServerProcess[]
let api: ReturnType<typeof restClient>
let tokens: Readonly<Record<string, string>>

/** Three gateways, each a process, on one database and a Vault that can be told to hang. */
beforeAll(async () => {
  database = await testDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'certlocker-kill-'))
  vault = await fakeVault()
  const adminKey = randomBytes(24).toString('hex')
  const environment = {
    CERTLOCKER_DATABASE__URL: database.url,
    CERTLOCKER_DATA_DIR: dataDir,
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_VAULT__ADDRESS: vault.address,
    CERTLOCKER_VAULT__AUTH__METHOD: 'token',
    CERTLOCKER_VAULT__AUTH__TOKEN: 'configured-token',
  }
  const first = await startServer(startCommand(), environment)
  replicas = [first, ...(await Promise.all([1, 2].map(() => startServer(startCommand(), environment))))]
  api = restClient(first.url, adminKey)
  tokens = await given(
    { api },
    {
      agents: ['hanging', 'paused', 'deaf'].map((name) => ({ name, groups: ['staging'] })),
      secrets: [{ name: 'login', groups: ['staging'] }],
    },
  )
}, 60_000)
afterAll(async () => {
  for (const each of replicas) await each.kill()
  vault.stop()
  await database.drop()
  await rm(dataDir, { recursive: true, force: true })
})

async function sessionsOf(agent: string) {
  const token = tokens[agent] ?? ''
  return Promise.all(replicas.map(async ({ url }) => ({ url, token, sessionId: await openSession(url, token) })))
}

const kill = (agent: string) => api.post('/kill', { kind: 'agent', id: agent, reason: 'test' })
const receiptsOf = ({ body }: Answer) => body['receipts'] as readonly { confirmed: boolean; callsCut: number }[]
const read = (where: Parameters<typeof callOnce>[0]) => callOnce(where, 'certlocker_get_secret', { name: 'login' })

describe('a kill', () => {
  test('breaks off calls that hang in the secret store, wherever they run, and counts them', async () => {
    let hanging = 0
    vault.script = ({ method, path }) => {
      const hangs = method === 'GET' && path.includes('data/')
      if (hangs) hanging++
      return hangs
    }
    const running = (await sessionsOf('hanging')).map(read)
    await until(async () => hanging === 3)
    const startedMs = performance.now()
    const answer = await kill('hanging')
    const ends = await Promise.all(running)
    expect(performance.now() - startedMs).toBeLessThan(REFUSED_MS)
    vault.script = undefined
    expect(ends.map(({ status, code }) => [status, code])).toEqual(replicas.map(() => ['denied', 'GATEWAY_REVOKED']))
    expect(receiptsOf(answer).map(({ confirmed, callsCut }) => [confirmed, callsCut])).toEqual(
      replicas.map(() => [true, 1]),
    )
  })

  test('is answered although a replica is paused, which lets nobody through when it goes on', async () => {
    const [, , last] = await sessionsOf('paused')
    const paused = replicas[2]
    if (paused === undefined || last === undefined) throw new TypeError('there are three')
    process.kill(paused.pid, 'SIGSTOP')
    const answer = await kill('paused').finally(() => process.kill(paused.pid, 'SIGCONT'))
    expect(answer.status).toBe(200)
    expect(receiptsOf(answer).filter(({ confirmed }) => confirmed)).toHaveLength(2)
    expect(receiptsOf(answer).filter(({ confirmed }) => !confirmed)).toHaveLength(1)
    expect((await read(last)).httpStatus).toBe(401)
    const shown = async () => receiptsOf(await api.get(`/kill/${String(answer.body['id'])}`))
    await until(async () => (await shown()).length === 3)
  })

  test('reaches replicas by their poll when nobody hears the notification', async () => {
    const sessions = await sessionsOf('deaf')
    const admin = new pg.Client(database.url)
    await admin.connect()
    const listeners = "application_name = 'certlocker-listen' AND datname = current_database()"
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${listeners}`)
    await admin.end()
    const answer = await kill('deaf')
    expect(receiptsOf(answer).map(({ confirmed }) => confirmed)).toEqual([true, true, true])
    expect((await Promise.all(sessions.map(read))).map(({ httpStatus }) => httpStatus)).toEqual([401, 401, 401])
  })
})
