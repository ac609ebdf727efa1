import { describe, expect, test } from 'vitest'
import { AuthorityWatch, authorityTimes } from '../../../../src/domain/revocation/authority-watch.ts'
import { type AuthorityReading, endsPerReadMax } from '../../../../src/domain/revocation/authority-store.ts'
import { endedSessionsMax } from '../../../../src/domain/revocation/ended-sessions.ts'

const DATABASE_MS = 1_800_000_000_000

/** A watch whose database answers only when the test says so. */
function given() {
  const clock = { ms: 10_000 }
  const questions: { answer(reading: Partial<AuthorityReading>): Promise<void>; fail(error: Error): Promise<void> }[] =
    []
  const failures: unknown[] = []
  const sizes: (number | undefined)[] = []
  const watch = new AuthorityWatch({
    monotonicMs: () => clock.ms,
    polled: async () => undefined,
    failed: (error) => failures.push(error),
    read: (logSize) =>
      new Promise<AuthorityReading>((resolve, reject) => {
        sizes.push(logSize)
        questions.push({
          answer: async (reading) => {
            resolve({ epoch: 1, logSize: 1, databaseNowMs: DATABASE_MS + clock.ms, endedSessions: [], ...reading })
            await settled()
          },
          fail: async (error) => {
            reject(error)
            await settled()
          },
        })
      }),
  })
  return { watch, clock, questions, failures, sizes }
}

/** Lets everything that waits for a settled promise run. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('freshness', () => {
  test('asks the database at first, and then goes by that for 750 ms', async () => {
    const { watch, clock, questions } = given()
    const first = watch.fresh()
    await questions[0]?.answer({ epoch: 4 })
    expect(await first).toBe(true)
    expect(watch.epoch()).toBe(4)
    clock.ms += authorityTimes.freshForMs - 1
    expect(await watch.fresh()).toBe(true)
    expect(questions).toHaveLength(1)
    clock.ms += 1
    void watch.fresh()
    expect(questions).toHaveLength(2)
  })

  test('asks once for all who wait', async () => {
    const { watch, questions } = given()
    const waiting = [watch.fresh(), watch.fresh(), watch.fresh()]
    await questions[0]?.answer({})
    expect(await Promise.all(waiting)).toEqual([true, true, true])
    expect(questions).toHaveLength(1)
  })

  test('counts an answer from when the question was sent: what happened since is unknown', async () => {
    const { watch, clock, questions } = given()
    const asked = watch.fresh()
    clock.ms += authorityTimes.freshForMs
    await questions[0]?.answer({})
    expect(await asked).toBe(true)
    void watch.fresh()
    expect(questions).toHaveLength(2)
  })

  test('does not let a question that was under way before count when its answer is slow', async () => {
    const { watch, clock, questions } = given()
    void watch.fresh()
    clock.ms += authorityTimes.freshForMs
    const later = watch.fresh()
    await questions[0]?.answer({})
    expect(questions).toHaveLength(2)
    await questions[1]?.answer({})
    expect(await later).toBe(true)
  })

  test('is false when the database fails, and the failure is told once until it answers again', async () => {
    const { watch, questions, failures } = given()
    for (const [index, message] of ['refused', 'refused again'].entries()) {
      const asked = watch.fresh()
      await questions[index]?.fail(new Error(message))
      expect(await asked).toBe(false)
    }
    expect(failures).toHaveLength(1)
    const check = watch.check()
    await questions[2]?.fail(new Error('still refused'))
    expect(await check).toEqual({ ok: false, detail: 'still refused' })
  })

  test('is not renewed by an append, which brings the epoch but does not say which sessions ended', async () => {
    const { watch, clock, questions } = given()
    const first = watch.fresh()
    await questions[0]?.answer({})
    expect(await first).toBe(true)
    clock.ms += 5_000
    watch.observe(2, DATABASE_MS + clock.ms)
    expect(watch.epoch()).toBe(2)
    void watch.fresh()
    expect(questions).toHaveLength(2)
  })
})

describe('the epoch', () => {
  test('does not go back when an older answer arrives late', async () => {
    const { watch, clock, questions } = given()
    void watch.fresh()
    clock.ms += 10
    watch.observe(7, DATABASE_MS + clock.ms)
    await questions[0]?.answer({ epoch: 6 })
    expect(watch.epoch()).toBe(7)
  })

  test('goes back, and empties the caches, when the database was put back', async () => {
    const { watch, clock, questions } = given()
    watch.observe(7, DATABASE_MS + clock.ms)
    const cache = watch.cache<string>()
    await cache.get('key', async () => 'before')
    clock.ms += authorityTimes.freshForMs + 1
    const asked = watch.fresh()
    await questions[0]?.answer({ epoch: 3 })
    expect(await asked).toBe(true)
    expect(watch.epoch()).toBe(3)
    expect(await cache.get('key', async () => 'after')).toBe('after')
  })
})

describe('the end of a session', () => {
  test('is told once a look brings it, and leaves what is known about rights alone', async () => {
    const { watch, questions } = given()
    const told: string[] = []
    watch.onSessionEnd((id) => told.push(id))
    const cache = watch.cache<string>()
    await cache.get('key', async () => 'known')
    void watch.fresh()
    expect(watch.hasEnded('ses_1')).toBe(false)
    await questions[0]?.answer({ epoch: -1, endedSessions: ['ses_1'] })
    expect(watch.hasEnded('ses_1')).toBe(true)
    expect(told).toEqual(['ses_1'])
    expect(await cache.get('key', async () => 'loaded anew')).toBe('known')
  })

  test('is asked for from the size that the log had at the last look', async () => {
    const { watch, clock, questions, sizes } = given()
    void watch.fresh()
    await questions[0]?.answer({ logSize: 41 })
    clock.ms += authorityTimes.freshForMs
    void watch.fresh()
    expect(sizes).toEqual([undefined, 41])
  })

  test.each([
    ['more ended at once than one look brings', { endedSessions: Array(endsPerReadMax + 1).fill('ses_1') }],
    ['the log is shorter than it was', { logSize: 1 }],
  ])('empties the caches when it cannot be told: %s', async (_, reading) => {
    const { watch, clock, questions } = given()
    void watch.fresh()
    await questions[0]?.answer({ logSize: 10 })
    const cache = watch.cache<string>()
    await cache.get('key', async () => 'known')
    clock.ms += authorityTimes.freshForMs
    void watch.fresh()
    await questions[1]?.answer({ logSize: 5_000, ...reading })
    expect(await cache.get('key', async () => 'loaded anew')).toBe('loaded anew')
  })

  test('is not forgotten before every cache that may hold the session is empty', async () => {
    const { watch } = given()
    const cache = watch.cache<string>()
    await cache.get('ses_first', async () => 'active')
    const isServed = async () =>
      !watch.hasEnded('ses_first') && (await cache.get('ses_first', async () => 'gone')) === 'active'
    watch.sessionEnded('ses_first')
    for (let index = 0; index < 2 * endedSessionsMax; index++) {
      watch.sessionEnded(`ses_${index}`)
      if (index % 997 === 0) expect(await isServed()).toBe(false)
    }
    expect(watch.hasEnded('ses_first')).toBe(false)
    expect(await isServed()).toBe(false)
  })
})

describe('the poll', () => {
  test('goes on after a failure and hands on the size of the log', async () => {
    const sizes: number[] = []
    let questions = 0
    const watch = new AuthorityWatch({
      monotonicMs: () => performance.now(),
      failed: () => undefined,
      polled: async (logSize) => {
        sizes.push(logSize)
        if (sizes.length === 1) throw new Error('what follows the poll failed')
      },
      read: async () => {
        questions += 1
        if (questions === 1) throw new Error('away')
        return { epoch: questions, logSize: questions, databaseNowMs: Date.now(), endedSessions: [] }
      },
    })
    watch.start()
    await expect.poll(() => sizes, { timeout: 5_000, interval: 20 }).toEqual([2, 3])
    watch.stop()
  })
})
