import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { startCommand } from '../load/measured.ts'
import { type ServerProcess, startServer } from '../load/processes.ts'
import { type Agent, connect } from '../support/agent.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { given } from '../support/given.ts'
import { isRunning } from '../support/is-running.ts'
import { type RealSshd, startSshd } from '../support/real-sshd.ts'
import { type RestClient, restClient } from '../support/rest-client.ts'
import { granted, registerHost, ssh } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let dataDir: string
let environment: Readonly<Record<string, string>>
let gateway: ServerProcess
let bastion: ServerProcess
let sshd: RealSshd
let api: RestClient
let agent: Agent

const start = (role: string) => startServer([...startCommand(), '--role', role], environment)

beforeAll(async () => {
  database = await testDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'certlocker-two-'))
  const adminKey = randomBytes(24).toString('hex')
  environment = {
    CERTLOCKER_DATABASE__URL: database.url,
    CERTLOCKER_DATA_DIR: dataDir,
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
  }
  gateway = await start('gateway')
  api = restClient(gateway.url, adminKey)
  const { body: ca } = await api.get('/ssh-ca')
  const started = await startSshd({ trusted: String(ca['publicKey']) })
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  sshd = started
  const scopes = ['ssh_session:request']
  const tokens = await given({ api }, { agents: [{ name: 'ops', groups: ['edge'], scopes, riskLevel: 'low' }] })
  await registerHost({ api }, sshd, 'edge-1')
  agent = await connect(gateway.url, tokens['ops'] ?? '')
}, 60_000)
afterAll(async () => {
  await agent?.close()
  await bastion?.stop()
  await gateway?.stop()
  await sshd?.stop()
  await database.drop()
  await rm(dataDir, { recursive: true, force: true })
})

const run = (sessionId: string, command: readonly string[]) =>
  agent.calls('certlocker_run_ssh_command', { sessionId, command })
const sessionOf = async (id: string) => (await api.get(`/ssh-sessions/${id}`)).body

/** What docker-compose.yml asks of a bastion. */
async function isHealthy(port: string): Promise<boolean> {
  const { services } = parse(await readFile('docker-compose.yml', 'utf8'), { merge: true })
  const [, , ...words] = services.bastion.healthcheck.test as string[]
  const child = spawn(
    process.execPath,
    words.map((word) => word.replace('2222', port)),
  )
  const [code] = await once(child, 'exit')
  return code === 0
}

describe('a gateway and a bastion that are two processes on one database', () => {
  test('say that there is no bastion before one is there', async () => {
    const { structured } = await agent.calls('certlocker_request_ssh_session', { host: 'edge-1' })
    expect(structured).toMatchObject({ status: 'failed', code: 'BASTION_UNAVAILABLE' })
    await expect(isHealthy('1')).resolves.toBe(false)
  })

  test('run a command, keep its recording, and let a person in', async () => {
    bastion = await start('bastion')
    expect(bastion.url).toMatch(/^ssh:\/\/127\.0\.0\.1:\d+$/u)
    await expect(isHealthy(new URL(bastion.url).port)).resolves.toBe(true)
    const { sessionId } = await granted(agent)
    expect((await run(sessionId, ['id', '-un'])).structured).toMatchObject({ status: 'ok', stdout: `${sshd.login}\n` })
    await agent.calls('certlocker_end_ssh_session', { sessionId })
    expect((await api.get(`/ssh-sessions/${sessionId}/recording`)).body['text']).toContain(sshd.login)
    const { body } = await api.post('/ssh-sessions', { host: 'edge-1' })
    const grant = { command: String(body['command']), ticket: String(body['ticket']) }
    expect(await ssh(grant, ['true'])).toMatchObject({ code: 0 })
  })

  test('end a session at its time although the bastion was killed in it, and no other one opens it', async () => {
    const ttlSeconds = 4
    const grant = await granted(agent, { ttlSeconds })
    const grantedMs = performance.now()
    const { sessionId } = grant
    const running = run(sessionId, ['sleep', '4718'])
    await until(async () => isRunning('sleep 4718'))
    await bastion.kill()
    expect((await running).structured).toMatchObject({ status: 'failed', code: 'BASTION_UNAVAILABLE' })
    const gone = until(async () => !isRunning('sleep 4718')).then(() => performance.now())
    bastion = await start('bastion')
    expect((await gone) - grantedMs).toBeLessThan((ttlSeconds + 2) * 1000)
    await until(async () => (await sessionOf(sessionId))['status'] === 'expired')
    expect(await sessionOf(sessionId)).toMatchObject({ endReason: 'ttl' })
    expect((await ssh(grant, ['true'])).code).toBe(255)
    // Nothing was printed, so there is its header alone, which is all that a killed bastion leaves.
    const { body } = await api.get(`/ssh-sessions/${sessionId}/recording`)
    expect(body).toMatchObject({ version: 3, title: sessionId, command: 'sleep 4718' })
    expect((await run((await granted(agent)).sessionId, ['true'])).structured).toMatchObject({ status: 'ok' })
  })
})
