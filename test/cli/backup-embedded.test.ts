import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../load/processes.ts'
import { cliFor } from '../support/cli.ts'
import { restClient } from '../support/rest-client.ts'

const adminKey = 'an-admin-key-for-the-backup-test-0123456789'
const launcher = fileURLToPath(new URL('../../src/launch.js', import.meta.url))
const cli = cliFor('http://127.0.0.1:1', undefined)
let folder: string
let servers: ServerProcess[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'certlocker-embedded-'))
  // As root, PostgreSQL runs as another user.
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'passphrase'), 'correct horse battery staple', { mode: 0o600 })
  for (const name of ['first', 'second'])
    writeFileSync(configOf(name), JSON.stringify({ dataDir: join(folder, name), http: { port: 0 } }))
  servers = []
})
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  rmSync(folder, { recursive: true, force: true })
})

const configOf = (name: string) => join(folder, `${name}.json`)
const keys = () => ['--passphrase-file', join(folder, 'passphrase')]
const backup = (name: string, file: string) =>
  cli(['backup', '--config', configOf(name), '-o', join(folder, file), '--with-keys', ...keys()])
const restore = (name: string, file: string) =>
  cli(['restore', join(folder, file), '--config', configOf(name), ...keys()])

async function start(name: string): Promise<ServerProcess> {
  const server = await startServer([launcher, 'serve', '--config', configOf(name)], {
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
  })
  servers.push(server)
  return server
}

const groupsAt = async ({ url }: ServerProcess) => {
  const { body } = await restClient(url, adminKey).get('/groups')
  return body['items']
}

test('an embedded database is backed up while its gateway runs or not, and restored into a new data directory', {
  timeout: 120_000,
}, async () => {
  const first = await start('first')
  await restClient(first.url, adminKey).create('/groups', { name: 'edge', environment: 'staging' })
  expect(await backup('first', 'running')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await restore('first', 'running')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('another gateway runs on the same dataDir'),
  })
  expect(await groupsAt(first)).toHaveLength(1)
  await first.stop()
  expect(await backup('first', 'stopped')).toMatchObject({ exitCode: 0, stderr: '' })

  expect(await restore('second', 'stopped')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(existsSync(join(folder, 'second', 'keys', 'audit.pem'))).toBe(true)
  const second = await start('second')
  expect(await groupsAt(second)).toMatchObject([{ name: 'edge' }])
  expect((await restClient(second.url, adminKey).get('/audit/verify')).body).toMatchObject({ ok: true })
  await second.stop()
})

test.each([
  ['backup', () => backup('second', 'of-a-folder')],
  ['keys', () => cli(['keys', 'prune', '--config', configOf('second')])],
])('%s says what is wrong with an embedded database that cannot be opened, and what to do', async (_, command) => {
  const version = join(folder, 'second', 'postgres', 'data', 'PG_VERSION')
  rmSync(join(folder, 'second'), { recursive: true, force: true })
  mkdirSync(dirname(version), { recursive: true })
  writeFileSync(version, '9.6\n')
  const { exitCode, stdout, stderr } = await command()
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(/^certlocker: .*(?:move it away|restore it|database\.url).*\n$/u)
})
