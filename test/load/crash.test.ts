import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CallEnd, callingClients } from '../support/calling-clients.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { openSession } from '../support/raw-mcp.ts'
import { recordedCalls } from '../support/recorded-calls.ts'
import { restClient } from '../support/rest-client.ts'
import { until } from '../support/until.ts'
import { type ServerProcess, startServer } from './processes.ts'

/** More rounds on demand: `CRASH_ROUNDS=100 npx vitest run test/load/crash.test.ts`. */
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 3)
const CLIENTS = 8
const CALLS_BEFORE_MAX = 400
const ROUND_MS_MAX = 90_000
const adminKey = 'an-admin-key-for-the-crash-test-0123456789'
const launcher = fileURLToPath(new URL('../../src/launch.js', import.meta.url))
const questions = [
  ['certlocker_get_secret', { name: 'login' }],
  ['certlocker_write_audit_event', { action: 'load', message: 'a note' }],
  ['certlocker_get_secret', { name: 'nothing' }],
  ['certlocker_list_allowed_resources', {}],
] as const

let directory: string
let gateway: ServerProcess
let token: string
let sessionId: string

/** The gateway as an operator starts it, with its own durable PostgreSQL. */
async function start(): Promise<void> {
  gateway = await startServer([launcher, 'serve'], {
    CERTLOCKER_DATA_DIR: join(directory, 'data'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000',
  })
}

const api = () => restClient(gateway.url, adminKey)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certlocker-crash-'))
  chmodSync(directory, 0o755)
  await start()
  exercised('postgres')
  const tokens = await given(
    { api: api() },
    {
      agents: [{ name: 'steady', groups: ['staging'], scopes: ['secret:read', 'audit:write'] }],
      secrets: [{ name: 'login', groups: ['staging'] }],
    },
  )
  token = tokens['steady'] ?? ''
  sessionId = await openSession(gateway.url, token)
}, ROUND_MS_MAX)
afterAll(async () => {
  await gateway.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Kills the gateway once so many calls were answered, while others are under way. @returns what came of all of them */
async function crashAfter(calls: number): Promise<readonly CallEnd[]> {
  const clients = callingClients({ url: gateway.url, token, sessionId, clients: CLIENTS, questions })
  await until(async () => clients.ends.length >= calls)
  const gone = gateway.kill()
  const ends = await clients.stop()
  await gone
  return ends
}

describe('kill -9 under load', () => {
  test.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    'loses nothing that was answered (round %i)',
    { timeout: ROUND_MS_MAX },
    async () => {
      const calls = Math.ceil(Math.random() * CALLS_BEFORE_MAX)
      const ends = await crashAfter(calls)
      await start()
      const answered = ends.filter(({ httpStatus }) => httpStatus !== 0)
      expect(answered.length).toBeGreaterThanOrEqual(calls)
      const recorded = await recordedCalls(api())
      expect(recorded).toMatchObject({ isSound: true, gaps: [], undecided: [] })
      for (const { status, requestId } of answered) {
        const types = recorded.typesOf(requestId)
        if (status === 'denied') expect(types).toEqual(['AI_AGENT_POLICY_DENIED'])
        else {
          expect(['ok', 'failed']).toContain(status)
          expect(types[0]).toBe('AI_AGENT_POLICY_ALLOWED')
          expect(types.at(-1)).toBe(status === 'ok' ? 'AI_AGENT_CALL_COMPLETED' : 'AI_AGENT_CALL_FAILED')
        }
      }
      expect((await api().get('/audit/verify')).body).toMatchObject({ ok: true, firstBadSeq: null })
    },
  )
})
