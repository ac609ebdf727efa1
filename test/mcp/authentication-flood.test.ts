import { afterAll, beforeAll, expect, test } from 'vitest'
import { authFailureBounds } from '../../src/gateway/auth-failures.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

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
  const guess = async (door: string) =>
    (await fetch(`${gateway.url}${door}`, { method: 'POST', headers: { authorization: 'Bearer wrong' } })).status
  const flood = Array.from({ length: authFailureBounds.perSourcePerMinute }, () => [
    '/rest/mcp',
    '/api/v1/groups',
  ]).flat()
  const agent = await connect(gateway.url, tokens['honest'] ?? '')
  const [statuses, answer] = await Promise.all([
    Promise.all(flood.map(guess)),
    agent.calls('certlocker_get_secret', { name: 'password' }),
  ])
  expect(new Set(statuses)).toEqual(new Set([401]))
  expect(answer.structured).toMatchObject({ status: 'ok' })
  const recorded = gateway.auditLines.filter((line) => line.startsWith('AI_AGENT_AUTH_FAILED'))
  expect(recorded).toHaveLength(authFailureBounds.perSourcePerMinute)
})
