import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/pool.ts'
import { SessionStore } from '../../src/domain/sessions/session-store.ts'
import { sessionLimits } from '../../src/domain/sessions/start-session.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, initialize, openSession, rawMcp } from '../support/raw-mcp.ts'
import { silentLog } from '../support/silent-log.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let replica: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: ['looping', 'closing', 'hoarding', 'modern'].map((name) => ({ name, groups: ['staging'] })),
  })
  replica = await testGateway({
    CERTLOCKER_DATABASE__URL: gateway.databaseUrl,
    CERTLOCKER_DATA_DIR: gateway.dataDir,
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: gateway.adminKey,
  })
})
afterAll(async () => {
  await replica.stop()
  await gateway.stop()
})

const list = (url: string, agent: string, sessionId: string) =>
  rawMcp(url, { token: tokens[agent], sessionId, message: handshakeMessage('tools/list') })

async function epoch(): Promise<string | undefined> {
  const ready = await (await fetch(`${gateway.url}/health/ready`)).text()
  return /authority epoch \d+/.exec(ready)?.[0]
}

test('an agent that opens and ends sessions in a loop leaves the authority epoch, and so all caches, alone', async () => {
  const before = await epoch()
  for (let round = 0; round < 5; round++) {
    const sessionId = await openSession(gateway.url, tokens['looping'] ?? '')
    const ended = await rawMcp(gateway.url, { method: 'DELETE', token: tokens['looping'], sessionId })
    expect(ended.status).toBe(200)
    expect((await list(gateway.url, 'looping', sessionId)).status).toBe(404)
  }
  expect(before).toBeDefined()
  expect(await epoch()).toBe(before)
})

describe('a session that ended on one replica is refused on another within a second', () => {
  test('when its client ended it', async () => {
    const sessionId = await openSession(gateway.url, tokens['closing'] ?? '')
    expect((await list(replica.url, 'closing', sessionId)).status).toBe(200)
    await rawMcp(gateway.url, { method: 'DELETE', token: tokens['closing'], sessionId })
    const endedAt = performance.now()
    await until(async () => (await list(replica.url, 'closing', sessionId)).status === 404)
    expect(performance.now() - endedAt).toBeLessThan(1_000)
  })

  test('when an admin ended it', async () => {
    const sessionId = await openSession(gateway.url, tokens['closing'] ?? '')
    expect((await list(replica.url, 'closing', sessionId)).status).toBe(200)
    expect((await gateway.api.post(`/sessions/${sessionId}/end`)).status).toBe(200)
    const endedAt = performance.now()
    await until(async () => (await list(replica.url, 'closing', sessionId)).status === 404)
    expect(performance.now() - endedAt).toBeLessThan(1_000)
  })
})

test('a modern client whose session ended goes on in a new one, on each replica in the same', async () => {
  const sessions = async () => itemsOf((await gateway.api.get('/agents/modern/sessions?status=active')).body)
  const agents = await Promise.all([gateway, replica].map(({ url }) => connect(url, tokens['modern'] ?? '')))
  const call = () => Promise.all(agents.map((agent) => agent.calls('certlocker_list_allowed_resources')))
  await call()
  const [first, ...more] = await sessions()
  expect(more).toEqual([])
  expect((await gateway.api.post(`/sessions/${String(first?.['id'])}/end`)).status).toBe(200)
  await until(async () => {
    await call()
    const now = await sessions()
    return now.length === 1 && now[0]?.['id'] !== first?.['id']
  })
})

test('a token with as many sessions as it may have is told when to try again, on every replica', async () => {
  const [token] = itemsOf((await gateway.api.get('/tokens?agent=hoarding')).body)
  await fill(String(token?.['agentId']), String(token?.['id']), sessionLimits.activePerTokenMax - 3)
  const open = ({ url }: TestGateway) => rawMcp(url, { token: tokens['hoarding'], message: initialize })
  const answers = await Promise.all([gateway, replica, gateway, replica, gateway, replica].map(open))
  const refused = answers.filter(({ status }) => status !== 200)
  expect(refused).toHaveLength(3)
  const modern = { token: tokens['hoarding'], headers: { 'mcp-protocol-version': '2026-07-28' } }
  for (let round = 0; round < 2; round++) {
    refused.push(await rawMcp(replica.url, { ...modern, message: handshakeMessage('tools/list') }))
  }
  for (const { status, headers, text } of refused) {
    expect(status).toBe(429)
    expect(headers['retry-after']).toBe(String(sessionLimits.retryAfterSeconds))
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'SESSION_LIMIT' } })
  }
})

/** Starts so many sessions as rows, since each handshake takes its time. */
async function fill(agentId: string, tokenId: string, count: number): Promise<void> {
  const { knex, close } = openDatabase({
    url: new Secret(gateway.databaseUrl),
    poolMax: 1,
    applicationName: 'test',
    log: silentLog,
  })
  for (let index = 0; index < count; index++) {
    await new SessionStore(knex).start({
      id: `ses_${index}`,
      agentId,
      tokenId,
      transport: 'handshake',
      client: { ip: '127.0.0.1', name: 'raw', version: '1' },
      protocolVersion: '2025-11-25',
      launcher: null,
      startedAt: new Date(),
    })
  }
  await close()
}
