import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { childEnvironment } from '../../src/config/cli-environment.ts'
import { given } from '../support/given.ts'
import { type Person, person } from '../support/person.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let replica: TestGateway
let database: pg.Client
let ana: Person
const names = ['first', 'second', 'third']

beforeEach(async () => {
  gateway = await testGateway()
  replica = await gateway.replica()
  database = new pg.Client({ connectionString: gateway.databaseUrl })
  await database.connect()
  await given(gateway, { secrets: names.map((name) => ({ name, groups: ['staging'] })) })
  ana = await person(gateway, 'ana.admin@example.com', 'admin', ['staging'])
})
afterEach(async () => {
  await database.end()
  await replica.stop()
  await gateway.stop()
})

/** The real program, on the database and data directory of the gateways. */
function keys(words: readonly string[], dataDir = gateway.dataDir) {
  const child = spawn(process.execPath, ['src/launch.js', 'keys', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...childEnvironment(), CERTLOCKER_DATA_DIR: dataDir, CERTLOCKER_DATABASE__URL: gateway.databaseUrl },
  })
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code: Number(code), stdout, stderr }),
  )
  return { child, ended }
}

const keyLines = async () => (await readFile(join(gateway.dataDir, 'keys', 'secrets.key'), 'utf8')).trim().split('\n')

async function number(sql: string): Promise<number> {
  const { rows } = await database.query<{ number: string }>(sql)
  return Number(rows[0]?.number)
}

const generations = () => number('SELECT count(DISTINCT key_id) AS number FROM sealed_values')

async function expectAllReadable(...gateways: readonly TestGateway[]): Promise<void> {
  for (const each of gateways) for (const name of names) expect(await revealed(each, name)).toBe(`value-of-${name}`)
}

async function revealed({ url }: TestGateway, name: string): Promise<unknown> {
  const { body } = await restClient(url, ana.value).post(`/secrets/${name}/reveal`)
  return body['value'] ?? body
}

describe('certlocker keys', { timeout: 60_000 }, () => {
  test('rotates beside two running gateways, which go on reading and writing, and prints no key', async () => {
    await expectAllReadable(gateway, replica)
    const before = await keyLines()
    const rotated = await keys(['rotate', '--json']).ended
    expect(rotated).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(rotated.stdout)).toEqual({
      generation: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      resealed: 3,
      damaged: [],
    })
    await expectAllReadable(gateway, replica)
    await replica.api.create('/secrets', { name: 'new', groups: ['staging'], type: 'password', value: 'new-value' })
    expect(await generations()).toBe(1)
    const pruned = await keys(['prune']).ended
    expect(pruned).toMatchObject({ code: 0, stdout: 'removed  -\n' })
    const started = await gateway.replica()
    await expectAllReadable(gateway, replica, started)
    expect(await revealed(started, 'new')).toBe('new-value')
    await started.stop()
    for (const line of [...before, ...(await keyLines())])
      for (const { stdout, stderr } of [rotated, pruned]) expect(stdout + stderr).not.toContain(line)
  })

  test('killed in the middle loses nothing, refuses to prune, and reseal ends what was begun', async () => {
    await database.query('BEGIN')
    await database.query('SELECT FROM sealed_values FOR UPDATE')
    const { child, ended } = keys(['rotate'])
    // In this database: other tests wait for locks of theirs in the same cluster.
    const waiting = `SELECT count(*) AS number FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE NOT granted AND datname = current_database()`
    await until(async () => (await number(waiting)) > 0)
    child.kill('SIGKILL')
    await ended
    await database.query('ROLLBACK')
    await expectAllReadable(gateway, replica)
    const replacement = { name: 'new', groups: ['staging'], type: 'password', value: 'new-value' }
    await gateway.api.create('/secrets', replacement)
    expect(await generations()).toBe(2)
    expect(await keys(['prune']).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^certlocker: Values still need an older generation \(3 sealed with sha256:/),
    })
    expect(await keys(['reseal']).ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^resealed {2}3\n/) })
    expect(await generations()).toBe(1)
    expect(await keyLines()).toHaveLength(2)
    await expectAllReadable(gateway, replica)
  })

  test('without the key file ends with 78 and makes none', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'keys-'))
    expect(await keys(['rotate'], elsewhere).ended).toMatchObject({
      code: 78,
      stdout: '',
      stderr: expect.stringContaining('put it back from the backup'),
    })
    await expect(readFile(join(elsewhere, 'keys', 'secrets.key'))).rejects.toThrow('ENOENT')
    await rm(elsewhere, { recursive: true })
  })
})
