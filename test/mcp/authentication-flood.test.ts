import { afterAll, beforeAll, expect, test } from 'vitest'
import { authFailureBounds } from '../../src/gateway/auth-failures.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

/** Within seconds: a rate of far more than 10,000 a minute. */
const GUESSES = 2_500
const GUESSERS = 64

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [{ name: 'honest', groups: ['staging'] }],
    secrets: [{ name: 'password', groups: ['staging'] }],
  })
})
afterAll(() => gateway.stop())

test('a flood of wrong tokens is refused to the last one, fills no log, and leaves others their calls', async () => {
  const guesses = Array.from({ length: GUESSES }, (_, index) => ['/rest/mcp', '/api/v1/groups'][index % 2])
  const statuses = new Map<number, number>()
  const guesser = async () => {
    for (let door = guesses.pop(); door !== undefined; door = guesses.pop()) {
      const answer = await fetch(`${gateway.url}${door}`, {
        method: 'POST',
        headers: { authorization: 'Bearer wrong' },
      })
      await answer.body?.cancel()
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    }
  }
  const agent = await connect(gateway.url, tokens['honest'] ?? '')
  const flood = Promise.all(Array.from({ length: GUESSERS }, guesser))
  await until(async () => guesses.length < GUESSES / 2)
  const answer = await agent.calls('certlocker_get_secret', { name: 'password' })
  expect(guesses.length).toBeGreaterThan(0)
  await flood
  expect([...statuses]).toEqual([[401, GUESSES]])
  expect(answer.structured).toMatchObject({ status: 'ok' })
  const recorded = gateway.auditLines.filter((line) => line.startsWith('AI_AGENT_AUTH_FAILED'))
  // A flood that goes on into the next minute is recorded in that one too.
  const { perSourcePerMinute } = authFailureBounds
  expect(recorded.length).toBeGreaterThanOrEqual(perSourcePerMinute)
  expect(recorded.length).toBeLessThanOrEqual(2 * perSourcePerMinute)
})
