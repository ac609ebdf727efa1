import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CallEnd, callOnce } from '../support/calling-clients.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { restClient } from '../support/rest-client.ts'
import { until } from '../support/until.ts'
import { type ServerProcess, startServer } from './processes.ts'

const DISK = '160m'
const ANSWER_MS_MAX = 10_000
const CALLS_MAX = 3_000
const BLOCK = Buffer.alloc(64 * 1024, 7)
const adminKey = 'an-admin-key-for-the-full-disk-0123456789'
const NOTE = 'certlocker_write_audit_event'
const SECRET = 'certlocker_get_secret'

const disk = mkdtempSync(join(tmpdir(), 'certlocker-disk-'))
/** A small disk of its own, which only root on Linux can have. */
const isMounted = mounted()
const ballast = join(disk, 'ballast')
let gateway: ServerProcess
let caller: Parameters<typeof callOnce>[0]

function mounted(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=755`, 'certlocker-test', disk], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const start = () =>
  startServer(['src/launch.js', 'serve'], {
    CERTLOCKER_DATA_DIR: join(disk, 'data'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000',
  })
const api = () => restClient(gateway.url, adminKey)

beforeAll(async () => {
  if (!isMounted) return
  gateway = await start()
  const tokens = await given(
    { api: api() },
    {
      agents: [{ name: 'steady', groups: ['staging'], scopes: ['secret:read', 'audit:write'] }],
      secrets: [{ name: 'login', groups: ['staging'] }],
    },
  )
  const token = tokens['steady'] ?? ''
  caller = { url: gateway.url, token, sessionId: await openSession(gateway.url, token) }
}, 90_000)
afterAll(async () => {
  try {
    if (isMounted) await gateway.stop()
  } finally {
    if (isMounted) execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  }
})

function fill(): void {
  const file = openSync(ballast, 'w')
  try {
    for (;;) writeSync(file, BLOCK)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    closeSync(file)
  }
}

describe.runIf(isMounted)('a full disk under the database', () => {
  test('refuses calls instead of letting them by unrecorded, and loses nothing that was answered', {
    timeout: 120_000,
  }, async () => {
    const ends: CallEnd[] = []
    const call = async () => {
      const isNote = ends.length % 20 === 0
      const end = isNote
        ? await callOnce(caller, NOTE, { action: 'fill', message: 'x'.repeat(4_000) })
        : await callOnce(caller, SECRET, { name: 'login' })
      ends.push(end)
      return end
    }
    const isRefused = ({ httpStatus, code }: CallEnd) =>
      httpStatus === 503 || code === 'GATEWAY_AUDIT_UNAVAILABLE' || httpStatus === 0
    expect(await call()).toMatchObject({ status: 'ok' })
    fill()
    while (!isRefused(await call()) && ends.length < CALLS_MAX);
    expect(isRefused(await call())).toBe(true)
    rmSync(ballast)
    await until(async () => (await call()).status === 'ok')
    expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(ANSWER_MS_MAX)
    const recorded = await recordedCalls(api())
    expect(recorded).toMatchObject({ isSound: true, gaps: [], undecided: [] })
    for (const { status, requestId } of ends.filter((end) => end.status === 'ok'))
      expect(recorded.typesOf(requestId).at(-1), `${status} ${requestId}`).toBe('AI_AGENT_CALL_COMPLETED')
    expect((await api().get('/audit/verify')).body).toMatchObject({ ok: true })
  })
})
