import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CallCountStore } from '../../../src/domain/tokens/call-count-store.ts'
import { CallRate } from '../../../src/gateway/call-rate.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'

const LIMIT = 10
const MINUTE_MS = 60_000

let database: TestDatabase
let store: CallCountStore
let nowMs = Date.now()
const clock = { now: () => nowMs }
const replica = (over: Partial<CallCountStore> = {}) =>
  new CallRate(
    { callsPerMinute: LIMIT },
    {
      store: {
        report: over.report ?? ((id, counts) => store.report(id, counts)),
        elsewhere: (id, chains, now) => store.elsewhere(id, chains, now),
      },
      clock,
    },
  )
const rows = async () => (await database.knex('call_counts').select()).length

beforeAll(async () => {
  database = await testDatabase()
  store = new CallCountStore(database.knex)
})
beforeEach(() => database.knex('call_counts').delete())
afterAll(() => database.drop())

test('what one replica lets through counts at the other from the next exchange on, until its window ends', async () => {
  const [a, b] = [replica(), replica()]
  expect(a.take('chain', 7).allowed).toBe(true)
  nowMs += 20_000
  // Nothing was exchanged yet: this is how far the replicas may go beyond the limit together.
  expect(b.take('chain', 3).allowed).toBe(true)
  await a.exchange()
  await b.exchange()
  expect(b.take('chain')).toEqual({ allowed: false, retryAfterSeconds: 40 })
  expect(b.take('other chain', LIMIT).allowed).toBe(true)
  await a.exchange()
  expect(a.take('chain').allowed).toBe(false)
  nowMs += 40_000
  expect(b.take('chain', 7).allowed).toBe(true)
  expect(b.take('chain')).toEqual({ allowed: false, retryAfterSeconds: 20 })
})

test('a replica that starts anew finds what was let through before', async () => {
  const before = replica()
  before.take('chain', LIMIT - 1)
  await before.exchange()
  const after = replica()
  after.take('chain')
  await after.exchange()
  expect(after.take('chain').allowed).toBe(false)
})

test('a count that could not be reported is reported the next time', async () => {
  let isAway = true
  const a = replica({
    report: async (id, counts) => {
      if (isAway) throw new Error('away')
      await store.report(id, counts)
    },
  })
  const b = replica()
  a.take('chain', LIMIT)
  await expect(a.exchange()).rejects.toThrow('away')
  isAway = false
  await a.exchange()
  b.take('chain')
  await b.exchange()
  expect(b.take('chain').allowed).toBe(false)
})

test('there is a row for a chain at a replica, and none when its window is over', async () => {
  const replicas = [replica(), replica()]
  for (let round = 0; round < 3; round++) {
    for (const each of replicas) {
      each.take('chain')
      await each.exchange()
    }
  }
  expect(await rows()).toBe(replicas.length)
  await store.forgetEnded()
  expect(await rows()).toBe(replicas.length)
  await database.knex('call_counts').update({ ends_at: new Date(Date.now() - MINUTE_MS) })
  await store.forgetEnded()
  expect(await rows()).toBe(0)
})
