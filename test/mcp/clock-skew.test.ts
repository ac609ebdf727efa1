import pg from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const SECRET = 'certlocker_get_secret'
const MINUTE_MS = 60_000
const TELLING_MS_MAX = 5_000

let gateway: TestGateway | undefined
afterEach(async () => {
  vi.unstubAllGlobals()
  await gateway?.stop()
})

/** Sets this machine's clock wrong, for everything that asks it. */
function skewMachine(ms: number): void {
  const Right = Date
  class WrongDate extends Right {
    constructor(...parts: [] | [number | string | Date]) {
      if (parts.length === 0) super(Right.now() + ms)
      else super(parts[0])
    }
    static override now(): number {
      return Right.now() + ms
    }
  }
  vi.stubGlobal('Date', WrongDate)
}

describe.each([-10, 10])('a gateway whose machine is %i minutes wrong', (minutes) => {
  test('tells time by its database: tokens live as long as they should, events say when', async () => {
    const started = await testGateway()
    gateway = started
    const tokens = await given(started, {
      agents: [{ name: 'reader', groups: ['staging'] }],
      secrets: [{ name: 'login', groups: ['staging'] }],
    })
    skewMachine(minutes * MINUTE_MS)
    const restarted = await started.restart()
    gateway = restarted
    const { value } = await restarted.api.create('/tokens', {
      agentId: 'reader',
      name: 'short',
      groups: ['staging'],
      ttlSeconds: 3,
    })
    const short = await connect(restarted.url, String(value))
    const long = await connect(restarted.url, tokens['reader'] ?? '')
    expect((await short.calls(SECRET, { name: 'login' })).structured).toMatchObject({ status: 'ok' })
    await until(() =>
      short.calls(SECRET, { name: 'login' }).then(
        () => false,
        () => true,
      ),
    )
    expect((await long.calls(SECRET, { name: 'login' })).structured).toMatchObject({ status: 'ok' })

    const database = new pg.Client({ connectionString: restarted.databaseUrl })
    await database.connect()
    const { rows } = await database.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms')
    await database.end()
    const [event] = itemsOf((await restarted.api.get('/audit?limit=1')).body)
    expect(Math.abs(Date.parse(String(event?.['at'])) - rows[0].ms)).toBeLessThan(TELLING_MS_MAX)
    expect((await restarted.api.get('/audit/verify')).body).toMatchObject({ ok: true })
  })
})
