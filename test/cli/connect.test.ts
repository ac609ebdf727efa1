import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKinds } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type StdioAgent, stdioAgent } from '../support/stdio-agent.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let token: string
const running: StdioAgent[] = []

beforeAll(async () => {
  gateway = await testGateway()
  const tokens = await given(gateway, {
    agents: [{ name: 'editor', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'], value: 'hunter2' }],
  })
  token = tokens['editor'] ?? ''
})
afterAll(async () => {
  await Promise.all(running.map((agent) => agent.close()))
  await gateway.stop()
})

async function bridged(start: Partial<Parameters<typeof stdioAgent>[0]> = {}): Promise<StdioAgent> {
  const agent = await stdioAgent({ url: gateway.url, token, ...start })
  running.push(agent)
  return agent
}

async function activeSessions() {
  return itemsOf((await gateway.api.get('/sessions?status=active')).body)
}

describe('certlocker connect', { timeout: 60_000 }, () => {
  test.each(clientKinds)('serves the official client (%s) as the gateway itself does', async (kind) => {
    const agent = await bridged({ kind })
    expect(await agent.toolNames()).toEqual(['certlocker_list_allowed_resources', 'certlocker_get_secret'])
    expect(await agent.calls('certlocker_get_secret', { name: 'login' })).toMatchObject({
      status: 'ok',
      value: 'hunter2',
    })
    expect(await agent.calls('certlocker_get_secret', { name: 'none' })).toMatchObject({ status: 'denied' })
    expect(agent.errors).toEqual([])
    expect(agent.notes()).not.toContain(token)
    expect((await activeSessions()).map(({ client }) => client)).toContainEqual(
      expect.objectContaining({ name: 'editor' }),
    )
    await agent.close()
  })

  test.each(['sdk v1, handshake', 'sdk v2, handshake'] as const)(
    'ends its session with its client (%s)',
    async (kind) => {
      const before = (await activeSessions()).length
      const agent = await bridged({ kind })
      expect(await activeSessions()).toHaveLength(before + 1)
      await agent.close()
      await until(async () => (await activeSessions()).length === before)
    },
  )
})
