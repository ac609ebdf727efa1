import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { childEnvironment } from '../../src/config/cli-environment.ts'
import { type ServerProcess, startServer } from '../load/processes.ts'
import { restClient } from '../support/rest-client.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'

const adminKey = 'an-admin-key-for-two-starts-0123456789'
const START_MS_MAX = 120_000
let folder: string
let database: TestDatabase
let busy: Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certlocker-start-'))
  database = await testDatabase()
  busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
})
afterAll(async () => {
  busy.close()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

/** The real program, which is expected to end by itself. */
async function serve(environment: Readonly<Record<string, string>>, ...words: string[]) {
  const child = spawn(process.execPath, ['src/launch.js', 'serve', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...childEnvironment(),
      CERTLOCKER_DATA_DIR: folder,
      CERTLOCKER_HTTP__PORT: '0',
      CERTLOCKER_BASTION__PORT: '0',
      ...environment,
    },
  })
  const exit: Promise<[number]> = once(child, 'exit') as Promise<[number]>
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}

function busyPort(): number {
  const address = busy.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function externalDatabase(change: (url: URL) => void): Readonly<Record<string, string>> {
  const url = new URL(database.url)
  change(url)
  return { CERTLOCKER_DATABASE__URL: url.href }
}

describe('a start that cannot be says what is wrong, where, and what to do, in a line', { timeout: 60_000 }, () => {
  const cases: readonly (readonly [string, () => Readonly<Record<string, string>>, number, RegExp])[] = [
    [
      'no database server',
      () => externalDatabase((url) => (url.port = '9')),
      1,
      /^certlocker cannot start: No answer from PostgreSQL at 127\.0\.0\.1:9 \(ECONNREFUSED\): start it .* database\.url/,
    ],
    [
      'a wrong password',
      () => externalDatabase((url) => (url.password = 'not-the-password')),
      78,
      /^certlocker cannot start: PostgreSQL at 127\.0\.0\.1:\d+ refuses user \w+ \(28P01\): correct user and password in database\.url/,
    ],
    [
      'an unknown database',
      () => externalDatabase((url) => (url.pathname = '/nowhere')),
      78,
      /^certlocker cannot start: PostgreSQL at 127\.0\.0\.1:\d+ has no database nowhere: create it/,
    ],
    [
      'a server without TLS where TLS is asked for',
      () => externalDatabase((url) => url.searchParams.set('sslmode', 'verify-full')),
      78,
      /^certlocker cannot start: PostgreSQL at .* do not agree on TLS .*: correct sslmode/,
    ],
    [
      'a taken port',
      () => ({ CERTLOCKER_DATABASE__URL: database.url, CERTLOCKER_HTTP__PORT: String(busyPort()) }),
      1,
      /^certlocker cannot start: Another program listens on 127\.0\.0\.1:\d+: stop it, or set http\.port/,
    ],
    [
      'an address of another machine',
      () => ({
        CERTLOCKER_DATABASE__URL: database.url,
        CERTLOCKER_HTTP__HOST: '192.0.2.1',
        CERTLOCKER_HTTP__ALLOW_PLAINTEXT: 'true',
      }),
      78,
      /^certlocker cannot start: Cannot listen on 192\.0\.2\.1:0 \(EADDRNOTAVAIL\): set http\.host/,
    ],
  ]

  test.each(cases)('%s', async (_, environment, code, says) => {
    const ended = await serve(environment())
    expect(ended).toMatchObject({ code, stdout: expect.not.stringContaining('ready at') })
    expect(ended.stderr).toMatch(says)
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
    expect(ended.stderr).not.toContain('not-the-password')
  })

  test('warns that a database password would cross the network in the clear', async () => {
    const { stderr } = await serve({ CERTLOCKER_DATABASE__URL: 'postgres://u:p@db.invalid/x' })
    expect(stderr).toMatch(/"level":"warn".*without TLS.*"host":"db\.invalid".*sslmode=verify-full/)
  })

  test('a configuration file that is not there', async () => {
    expect(await serve({}, '--config', '/nope')).toEqual({
      code: 78,
      stdout: '',
      stderr: 'configuration: /nope cannot be read; give an existing file with --config\n',
    })
  })
})

describe('a second start on one data directory', { timeout: START_MS_MAX }, () => {
  let first: ServerProcess
  let dataDir: string
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'certlocker-twice-'))
    await chmod(dataDir, 0o755)
    first = await startServer(['src/launch.js', 'serve'], {
      CERTLOCKER_DATA_DIR: dataDir,
      CERTLOCKER_HTTP__PORT: '0',
      CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    })
  }, START_MS_MAX)
  afterAll(async () => {
    await first.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  test('ends with one line that names the first, which goes on and can still write', async () => {
    const second = await serve({ CERTLOCKER_DATA_DIR: dataDir, CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey })
    expect(second).toMatchObject({ code: 1, stdout: expect.not.stringContaining('ready at') })
    expect(second.stderr).toMatch(/^certlocker cannot start: .*is in use by process \d+.*\n$/u)
    const api = restClient(first.url, adminKey)
    await api.create('/groups', { name: 'afterwards', environment: 'staging' })
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200)
    expect((await api.get('/audit/verify')).body).toMatchObject({ ok: true })
  })
})
