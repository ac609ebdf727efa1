import { afterEach, describe, expect, test, vi } from 'vitest'
import { type CheckResult, type Checks, checkTimeoutMs, createReadiness } from '../../../src/transport/http/health.ts'
import { silentLog } from '../../support/silent-log.ts'

const fine = async (): Promise<CheckResult> => ({ ok: true, detail: 'fine' })
const allFine: Checks = { database: fine, policy: fine, secrets: fine, revocation: fine, audit: fine }

afterEach(() => void vi.useRealTimers())

describe('readiness', () => {
  test('is given when every part says ok', async () => {
    expect(await createReadiness(allFine, silentLog)()).toEqual({
      ready: true,
      checks: Object.fromEntries(Object.keys(allFine).map((name) => [name, { ok: true, detail: 'fine' }])),
    })
  })

  test('is not given when one part fails, and says which without quoting its error', async () => {
    const broken = async () => Promise.reject(new Error('password=hunter2'))
    const answer = await createReadiness({ ...allFine, secrets: broken }, silentLog)()
    expect(answer.ready).toBe(false)
    expect(answer.checks.secrets).toEqual({ ok: false, detail: 'failed' })
    expect(answer.checks.database.ok).toBe(true)
  })

  test('is not given when a part is silent for 5 s', async () => {
    vi.useFakeTimers()
    const asked = createReadiness({ ...allFine, database: () => new Promise(() => {}) }, silentLog)()
    await vi.advanceTimersByTimeAsync(checkTimeoutMs)
    expect((await asked).checks.database).toEqual({ ok: false, detail: 'no answer' })
  })

  test('is asked once for questions that come together, and anew for later ones', async () => {
    let asked = 0
    const count = async () => {
      asked += 1
      return { ok: true, detail: '' }
    }
    const readiness = createReadiness({ ...allFine, database: count }, silentLog)
    await Promise.all([readiness(), readiness(), readiness()])
    expect(asked).toBe(1)
    await readiness()
    expect(asked).toBe(2)
  })
})
