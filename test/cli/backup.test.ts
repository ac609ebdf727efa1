import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { type Cli, type CliOptions, cliFor } from '../support/cli.ts'
import { emptyDatabase, type TestDatabase } from '../support/database.ts'
import { given } from '../support/given.ts'
import { restClient } from '../support/rest-client.ts'
import { silentLog } from '../support/silent-log.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const passphrase = 'correct horse battery staple'
const cli: Cli = cliFor('http://127.0.0.1:1', undefined)
let gateway: TestGateway
let folder: string
let config: string
let secret: string
let personKey: string
/** Of the gateway with its secret, with and without the keys. */
let withKeys: string
let plain: string
let databases: TestDatabase[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certlocker-backup-'))
  gateway = await testGateway()
  await given(gateway, { secrets: [{ name: 'login', groups: ['staging'], value: 'the-value-of-login' }] })
  await gateway.api.create('/people', { email: 'eve@example.com', name: 'Eve', role: 'admin', groups: [] })
  const key = { person: 'eve@example.com', name: 'test', ttlSeconds: 3600 }
  personKey = String((await gateway.api.create('/api-keys', key))['value'])
  config = await configFile('gateway', gateway.databaseUrl, gateway.dataDir)
  secret = join(folder, 'passphrase')
  await writeFile(secret, `${passphrase}\n`, { mode: 0o600 })
  ;[withKeys, plain] = [join(folder, 'with-keys'), join(folder, 'plain')]
  const made = await backup(withKeys, '--with-keys', '--passphrase-file', secret, '--json')
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(made.stdout)).toMatchObject({
    ok: true,
    file: withKeys,
    tables: { secrets: 1, sealed_values: 1, audit_events: expect.any(Number) },
    keys: ['secrets.keyFile', 'audit.keyFile', 'bastion.hostKeyFile'],
    saveAlso: [],
  })
})
afterAll(async () => {
  await Promise.all([gateway.stop(), ...databases.map((database) => database.drop())])
  await rm(folder, { recursive: true, force: true })
})

const backup = (file: string, ...flags: string[]) => cli(['backup', '-o', file, '--config', config, ...flags])
const restore = (to: Place, file: string, flags: readonly string[] = [], options?: CliOptions) =>
  cli(['restore', file, '--config', to.config, ...flags], options)

async function configFile(name: string, url: string, dataDir: string): Promise<string> {
  const file = join(folder, `${name}.json`)
  await writeFile(file, JSON.stringify({ dataDir, database: { url }, http: { port: 0 } }), { mode: 0o600 })
  return file
}

interface Place {
  readonly config: string
  readonly dataDir: string
  readonly database: TestDatabase
}

/** Another machine: an empty database and no data directory. */
async function newPlace(name: string): Promise<Place> {
  const database = await emptyDatabase()
  databases.push(database)
  const dataDir = join(folder, name)
  return { database, dataDir, config: await configFile(name, database.url, dataDir) }
}

/** Starts the gateway there, asks it, and stops it. */
async function startedAt(
  { config: file }: Place,
  work: (url: string) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const given = { CERTLOCKER_BOOTSTRAP__ADMIN_KEY: gateway.adminKey, CERTLOCKER_BASTION__PORT: '0' }
  const loaded = await loadConfig({ file, environment: { ...given, ...environment } })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  const ignored = () => undefined
  const io = { log: silentLog, auditLine: ignored, adminKey: ignored, version: '0.0.0-test' }
  const started = await startGateway(loaded.value.config, io)
  try {
    await work(started.url)
  } finally {
    await started.stop()
  }
}

const isEmpty = async ({ database }: Place) =>
  (await database.knex.raw("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace")).rowCount === 0

describe('a backup of a running gateway', { timeout: 60_000 }, () => {
  test('brings another machine everything back: secrets open, keys work, the log verifies', async () => {
    const place = await newPlace('everything')
    const done = await restore(place, withKeys, ['--passphrase-file', secret])
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(done.stdout).toContain(`Key file written: ${join(place.dataDir, 'keys', 'audit.pem')}`)
    expect((await stat(join(place.dataDir, 'keys', 'secrets.key'))).mode & 0o777).toBe(0o600)
    await startedAt(place, async (url) => {
      const api = restClient(url, personKey)
      expect((await api.post('/secrets/login/reveal')).body).toMatchObject({ value: 'the-value-of-login' })
      expect((await api.get('/audit/verify')).body).toMatchObject({ ok: true })
    })
  })

  test('holds no value and no key that can be read, and nobody else may read the file', async () => {
    const key = (await readFile(join(gateway.dataDir, 'keys', 'secrets.key'), 'utf8')).trim()
    const text = gunzipSync(await readFile(withKeys)).toString()
    for (const credential of ['the-value-of-login', key, 'PRIVATE KEY', passphrase, gateway.adminKey])
      expect(text).not.toContain(credential)
    expect(text).toContain('"login"')
    expect((await stat(withKeys)).mode & 0o777).toBe(0o600)
  })

  test('without the keys says which files to save, and a restore from it needs them', async () => {
    const made = await backup(plain)
    for (const name of ['audit.pem', 'bastion.key', 'secrets.key'])
      expect(made.stdout).toContain(`Save also, apart from the backup: ${join(gateway.dataDir, 'keys', name)}`)
    const place = await newPlace('without-keys')
    expect(await restore(place, plain)).toMatchObject({ exitCode: 0 })
    await expect(startedAt(place, async () => {})).rejects.toThrow(
      /audit\.pem is missing.* put it back from the backup/u,
    )
    await mkdir(join(place.dataDir, 'keys'), { mode: 0o700, recursive: true })
    for (const name of ['audit.pem', 'bastion.key', 'secrets.key'])
      await writeFile(join(place.dataDir, 'keys', name), await readFile(join(gateway.dataDir, 'keys', name)), {
        mode: 0o600,
      })
    await startedAt(place, async () => {})
  })

  test('says that values in Vault are not in it', async () => {
    const file = join(folder, 'vault.json')
    const settings = JSON.parse(await readFile(config, 'utf8'))
    await writeFile(
      file,
      JSON.stringify({ ...settings, vault: { address: 'http://127.0.0.1:8200', auth: { token: 't' } } }),
    )
    const made = await cli(['backup', '-o', join(folder, 'vaulted'), '--config', file])
    expect(made.stdout).toContain('Not in it: secret values kept in Vault at http://127.0.0.1:8200')
  })
})

describe('an older backup', { timeout: 60_000 }, () => {
  test('is refused where a later checkpoint is known, until the operator accepts what is lost, on record', async () => {
    const place = await newPlace('older')
    await restore(place, withKeys, ['--passphrase-file', secret])
    let size = 0
    await startedAt(place, async (url) => {
      const api = restClient(url, gateway.adminKey)
      size = Number((await api.get('/audit/verify')).body['size'])
      await api.create('/groups', { name: 'later', environment: 'staging' })
    })
    const again = await restore(place, withKeys, ['--passphrase-file', secret, '--force', '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({ checkpoints: 'kept', keys: [] })
    const kept = JSON.parse(again.stdout).tables.audit_events
    expect(kept).toBeLessThanOrEqual(size)
    await expect(startedAt(place, async () => {})).rejects.toThrow(
      new RegExp(`has ${kept} events and .*truncated.*audit\\.acceptTruncated: ${kept},`, 'u'),
    )
    const accepted = { CERTLOCKER_AUDIT__ACCEPT_TRUNCATED: String(kept) }
    await startedAt(
      place,
      async (url) => {
        const api = restClient(url, gateway.adminKey)
        expect((await api.get('/groups')).body['items']).toHaveLength(1)
        expect((await api.get('/audit?type=AUDIT_CHECKPOINT')).body).toMatchObject({
          items: [{ details: { acceptedTruncatedSize: kept } }],
        })
      },
      accepted,
    )
  })
})

describe('a restore touches nothing', { timeout: 60_000 }, () => {
  test('when a byte of the file was changed, or its end is missing', async () => {
    const place = await newPlace('damaged')
    const text = gunzipSync(await readFile(withKeys)).toString()
    const damaged = join(folder, 'damaged-file')
    for (const bytes of [
      gzipSync(text.replace('"login"', '"logout"')),
      gzipSync(text.slice(0, text.lastIndexOf('{"manifest"'))),
      (await readFile(withKeys)).subarray(0, -200),
      Buffer.from('no backup'),
      gzipSync('{"type":"other"}\n'),
    ]) {
      await writeFile(damaged, bytes)
      expect(await restore(place, damaged)).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringContaining('is no whole backup'),
      })
    }
    expect(await isEmpty(place)).toBe(true)
  })

  test('when the passphrase is another, or the file is not there, or a key of another deployment is', async () => {
    const place = await newPlace('other-key')
    const stdin = 'another horse battery staple'
    expect(await restore(place, withKeys, ['--passphrase-file', '-'], { stdin })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('the passphrase does not open the keys'),
    })
    expect(await restore(place, join(folder, 'nowhere'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('cannot be read'),
    })
    await mkdir(join(place.dataDir, 'keys'), { mode: 0o700, recursive: true })
    await writeFile(join(place.dataDir, 'keys', 'secrets.key'), 'another key', { mode: 0o600 })
    expect(await restore(place, withKeys, ['--passphrase-file', secret, '--force'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('holds another key than the backup'),
    })
    expect(await isEmpty(place)).toBe(true)
  })

  test('when a gateway runs on the database, even forced', async () => {
    const place = { config, dataDir: gateway.dataDir }
    for (const flags of [[], ['--force']])
      expect(await cli(['restore', withKeys, '--config', place.config, ...flags])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('A gateway is connected to this database: stop every replica first'),
      })
  })
})

describe('the command line', () => {
  test('refuses what would not protect the keys: exit code 2', async () => {
    const out = join(folder, 'never')
    expect(await backup(out, '--with-keys')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('together') })
    const short = ['--with-keys', '--passphrase-file', '-']
    expect(await cli(['backup', '-o', out, '--config', config, ...short], { stdin: 'too short' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('at least 16 characters'),
    })
    const open = join(folder, 'open')
    await writeFile(open, passphrase)
    await chmod(open, 0o644)
    expect(await backup(out, '--with-keys', '--passphrase-file', open)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('chmod 600'),
    })
    await expect(stat(out)).rejects.toThrow(/ENOENT/u)
  })

  test('replaces no file, and leaves none behind that is not whole: exit code 1', async () => {
    expect(await backup(withKeys)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('exists') })
    expect(await backup(join(folder, 'no', 'such'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('was not written'),
    })
  })

  test('says that there is nothing to back up: exit code 78', async () => {
    const place = await newPlace('nothing')
    const embedded = join(folder, 'embedded.json')
    await writeFile(embedded, JSON.stringify({ dataDir: join(folder, 'nobody') }))
    for (const [file, says] of [
      [place.config, 'There is nothing of CertLocker in this database'],
      [embedded, 'There is no embedded database in'],
    ] as const)
      expect(await cli(['backup', '-o', join(folder, 'never'), '--config', file])).toMatchObject({
        exitCode: 78,
        stderr: expect.stringContaining(says),
      })
  })
})
