import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listen } from '../../../src/adapters/postgres/listen.ts'
import { silentLog } from '../../support/silent-log.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { until } from '../../support/until.ts'

const APPLICATION = 'listen-test'
let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const notify = (channel: string) => database.knex.raw('SELECT pg_notify(?, ?)', [channel, ''])

async function listening() {
  const heard = { certlocker_authority: vi.fn<() => void>(), certlocker_approvals: vi.fn<() => void>() }
  const address = { connection: database.connection, applicationName: APPLICATION }
  const listener = listen(address, heard, silentLog)
  const counts = () => [heard.certlocker_authority.mock.calls.length, heard.certlocker_approvals.mock.calls.length]
  await until(async () => counts().every((count) => count > 0))
  return { counts, stop: () => listener.stop() }
}

describe('listening', () => {
  test('tells each listener once it is there, and then of its own channel alone', async () => {
    const { counts, stop } = await listening()
    expect(counts()).toEqual([1, 1])
    await notify('certlocker_approvals')
    await until(async () => counts()[1] === 2)
    expect(counts()).toEqual([1, 2])
    await notify('certlocker_authority')
    await until(async () => counts()[0] === 2)
    expect(counts()).toEqual([2, 2])
    await stop()
  })

  test('goes on after the connection was cut, and tells all once, since something may have been missed', async () => {
    const { counts, stop } = await listening()
    await database.knex.raw(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ? AND datname = current_database()',
      [APPLICATION],
    )
    await until(async () => counts().every((count) => count === 2))
    await notify('certlocker_approvals')
    await until(async () => counts()[1] === 3)
    await stop()
  })
})
