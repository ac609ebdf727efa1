import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type EmbeddedCluster, startEmbeddedCluster } from '../../../src/adapters/postgres/embedded-cluster.ts'
import { silentLog } from '../../support/silent-log.ts'

const holder = new URL('hold-cluster.ts', import.meta.url).pathname
const asRoot = process.getuid?.() === 0

/** Made once, copied for each test that does not look at the making. */
let made: string
let parent: string
let directory: string
let started: EmbeddedCluster[]
let holders: ChildProcess[]
beforeAll(async () => {
  made = openFolder()
  await (await startEmbeddedCluster({ directory: join(made, 'cluster'), durable: false, log: silentLog })).stop()
})
afterAll(() => rmSync(made, { recursive: true, force: true }))
beforeEach(() => {
  parent = openFolder()
  directory = join(parent, 'cluster')
  started = []
  holders = []
})
afterEach(async () => {
  for (const child of holders) child.kill('SIGKILL')
  await Promise.all(started.map(({ stop }) => stop()))
  await eventually(() => rmSync(parent, { recursive: true, force: true }))
})

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'certlocker-cluster-'))
  chmodSync(folder, 0o755)
  return folder
}

/** With its owners: as root, the data belong to another user. */
function copyMade(): void {
  execFileSync('cp', ['-a', join(made, 'cluster'), directory])
}

async function start(folder = directory): Promise<EmbeddedCluster> {
  const cluster = await startEmbeddedCluster({ directory: folder, durable: false, log: silentLog })
  started.push(cluster)
  return cluster
}

describe('an embedded cluster', () => {
  test('is created at the first start and keeps its data over a stop, each time on a free loopback port', async () => {
    const first = await start()
    expect(first.connection).toMatchObject({ host: '127.0.0.1', database: 'certlocker' })
    await query(first, 'CREATE TABLE kept (word text)')
    await query(first, `INSERT INTO kept VALUES ('survives')`)
    await first.stop()
    expect(isAlive(first.pid)).toBe(false)
    const second = await start()
    expect(await query(second, 'SELECT word FROM kept')).toEqual([{ word: 'survives' }])
  })

  test('has a superuser password of its own, for no one but its user to read', async () => {
    const one = await start()
    const other = await start(join(parent, 'other'))
    expect(one.connection.password.expose()).toMatch(/^[\w-]{43}$/)
    expect(one.connection.password.expose()).not.toBe(other.connection.password.expose())
    expect(statSync(join(directory, 'data/certlocker-superuser.password')).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700)
    const stranger = new pg.Client({ ...one.connection, password: other.connection.password.expose() })
    await expect(stranger.connect()).rejects.toThrow('password authentication failed')
  })

  test('takes no other way in than that port', async () => {
    copyMade()
    const cluster = await start()
    const [row] = await query(
      cluster,
      `SELECT current_setting('unix_socket_directories') AS sockets, current_setting('listen_addresses') AS addresses`,
    )
    expect(row).toEqual({ sockets: '', addresses: '127.0.0.1' })
  })

  test('refuses a second start on its folder, by whatever path, and goes on', async () => {
    copyMade()
    const first = await start()
    const alias = join(parent, 'alias')
    symlinkSync(directory, alias)
    await expect(start(alias)).rejects.toThrow(`${directory}/data is in use by process ${first.pid}`)
    expect(await query(first, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('goes to one of two that start at once on a new folder', async () => {
    const outcomes = await Promise.allSettled([start(), start()])
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refusals.map(({ reason }) => String(reason))).toEqual([
      expect.stringMatching(/another gateway runs on the same dataDir/),
    ])
    expect(started).toHaveLength(1)
  })

  test('ends when its process is killed, loses nothing that was committed, and starts again', async () => {
    copyMade()
    const { child, cluster } = await held()
    await query(cluster, 'CREATE TABLE kept (word text)')
    child.kill('SIGKILL')
    await eventually(() => expect(isAlive(cluster.pid)).toBe(false))
    const again = await start()
    expect(await query(again, 'SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 0 }])
  })

  test('that is killed together with its process is recovered at the next start', async () => {
    copyMade()
    const { child, cluster } = await held()
    await query(cluster, 'CREATE TABLE kept (word text)')
    process.kill(cluster.pid, 'SIGKILL')
    child.kill('SIGKILL')
    const again = await start()
    expect(await query(again, 'SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 0 }])
  })

  test('is waited for at the next start while it is still stopping', async () => {
    copyMade()
    const { child } = await held()
    child.kill('SIGKILL')
    const again = await start()
    expect(await query(again, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('starts although a lock was left behind whose process id now belongs to another process', async () => {
    copyMade()
    const lock = join(directory, 'data/postmaster.pid')
    writeFileSync(lock, `${process.pid}\n${directory}/data\n1\n1\n\n127.0.0.1\n  1 1\nready   \n`)
    const again = await start()
    expect(readFileSync(lock, 'utf8')).toMatch(new RegExp(`^${again.pid}\n`))
  })

  test('says why it does not start', async () => {
    copyMade()
    writeFileSync(join(directory, 'data/postgresql.auto.conf'), 'no_such_setting = 1\n')
    await expect(start()).rejects.toThrow(
      /does not start.*database\.url[\s\S]*unrecognized configuration parameter "no_such_setting"/,
    )
  })

  test('says that its folder cannot be one', async () => {
    mkdirSync(join(directory, 'data'), { recursive: true })
    writeFileSync(join(directory, 'data/holiday.jpg'), '')
    await expect(start()).rejects.toThrow('is not empty and holds no embedded database')
    expect(existsSync(join(directory, 'data/holiday.jpg'))).toBe(true)
  })

  test.runIf(asRoot)('of root runs as another user, who passes through folders made under a strict umask', async () => {
    const before = process.umask(0o077)
    try {
      const cluster = await start(join(parent, 'strict/cluster'))
      expect(statSync(`/proc/${cluster.pid}`).uid).not.toBe(0)
    } finally {
      process.umask(before)
    }
  })

  test.runIf(asRoot)(
    'of root in a private folder runs without rights of root, or says which folder is in the way',
    async () => {
      chmodSync(parent, 0o700)
      const cluster = await start().catch((error: unknown) => String(error))
      if (typeof cluster === 'string')
        expect(cluster).toContain(`cannot enter ${parent}: allow it (chmod o+x ${parent})`)
      else expect(readFileSync(`/proc/${cluster.pid}/status`, 'utf8')).toMatch(/^CapEff:\s+0+$/m)
    },
  )
})

/** A cluster in a process of its own, which can be killed. */
async function held(): Promise<{ child: ChildProcess; cluster: EmbeddedCluster }> {
  const child = spawn(process.execPath, ['--import', 'tsx', holder, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  holders.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  const { pid, port, password } = JSON.parse(String(line))
  const connection = {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: { expose: () => password },
    database: 'certlocker',
  }
  return { child, cluster: { pid, connection, stop: async () => undefined } as EmbeddedCluster }
}

async function query({ connection }: EmbeddedCluster, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ ...connection, password: connection.password.expose() })
  client.on('error', () => undefined)
  await client.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return rows
}

/** A process that is dead but not yet collected by its parent is not alive. */
function isAlive(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ''
  return stat !== '' && !/\) Z /.test(stat)
}

async function eventually(check: () => void): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  for (;;) {
    try {
      check()
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await delay(20)
    }
  }
}
