import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, rawMcp } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'victim', groups: ['staging'] },
      { name: 'attacker', groups: ['staging'] },
    ],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
})
afterAll(() => gateway.stop())

test('whatever one agent sends as its session id, another one finds its own session', async () => {
  const [token] = itemsOf((await gateway.api.get('/tokens?agent=victim')).body)
  // How the gateway tells stateless clients apart is no secret.
  const sessionId = JSON.stringify([token?.['id'], 'test-client', '1.0.0', '127.0.0.1'])
  const guess = { token: tokens['attacker'], sessionId, message: handshakeMessage('tools/list') }
  expect((await rawMcp(gateway.url, guess)).status).toBe(404)
  const victim = await connect(gateway.url, tokens['victim'] ?? '')
  expect((await victim.calls('certlocker_get_secret', { name: 'login' })).structured).toMatchObject({ status: 'ok' })
  await victim.close()
})

test('asking for the end of sessions counts as calling: guesses are bounded', async () => {
  gateway = await gateway.restart({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '2' })
  const guess = { method: 'DELETE', token: tokens['attacker'], sessionId: 'ses_guess' } as const
  const statuses: number[] = []
  for (let round = 0; round < 3; round++) statuses.push((await rawMcp(gateway.url, guess)).status)
  expect(statuses).toEqual([404, 404, 429])
})
