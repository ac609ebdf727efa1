import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type RotatingProxy, type RotationTimes, rotatingProxy } from '../support/rotating-proxy.ts'
import { type BridgeStart, type StdioAgent, stdioAgent } from '../support/stdio-agent.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let token: string
let folder: string
const running: { close(): unknown }[] = []

beforeAll(async () => {
  gateway = await testGateway({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '100000' })
  const tokens = await given(gateway, {
    agents: [{ name: 'editor', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  token = tokens['editor'] ?? ''
  folder = await mkdtemp(join(tmpdir(), 'certlocker-rotation-'))
})
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close()
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

async function rotating(times: RotationTimes): Promise<RotatingProxy> {
  const proxy = await rotatingProxy(gateway.url, token, times)
  running.push(proxy)
  return proxy
}

async function fileWith(value: string): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'token-')), 'token')
  await writeFile(file, value, { mode: 0o600 })
  return file
}

async function bridged(start: BridgeStart): Promise<StdioAgent> {
  const agent = await stdioAgent(start)
  running.push(agent)
  return agent
}

const reads = async (agent: StdioAgent) => (await agent.calls('certlocker_get_secret', { name: 'login' }))['status']

describe('a bridge whose token rotates', { timeout: 60_000 }, () => {
  test('follows, and keeps each successor in its file for the next start', async () => {
    const proxy = await rotating({ everyMs: 400, overlapMs: 5000 })
    const file = await fileWith(proxy.first)
    const agent = await bridged({ url: proxy.url, argv: ['--token-file', file] })
    await until(async () => proxy.rotations() >= 2 && (await reads(agent)) === 'ok')
    await agent.close()
    expect(await readFile(file, 'utf8')).toBe(`${proxy.current()}\n`)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(file, '..'))).toEqual(['token'])
    expect(agent.notes()).not.toMatch(/clk_mcp_/)

    const next = await bridged({ url: proxy.url, argv: ['--token-file', file] })
    expect(await reads(next)).toBe('ok')
    expect(proxy.isRevoked()).toBe(false)
  })

  test('follows the gateway itself, in one session', async () => {
    const { token: minted, value } = await gateway.api.create('/tokens', {
      agentId: 'editor',
      name: 'rotating',
      groups: ['staging'],
      ttlSeconds: 600,
      autoRotate: { everySeconds: 1, overlapSeconds: 20 },
    })
    const file = await fileWith(String(value))
    const agent = await bridged({ url: gateway.url, argv: ['--token-file', file] })
    const values = new Set<string>()
    await until(async () => {
      values.add((await readFile(file, 'utf8')).trim())
      return values.size >= 3 && (await reads(agent)) === 'ok'
    })
    const { id } = minted as { readonly id: string }
    const sessions = itemsOf((await gateway.api.get('/agents/editor/sessions?limit=200')).body)
    expect(sessions.filter(({ tokenId }) => tokenId === id)).toHaveLength(1)
    const reused = (await gateway.api.get('/audit?type=MCP_TOKEN_REUSED')).body
    expect(itemsOf(reused)).toEqual([])
  })

  test('survives a reply that was lost', async () => {
    const proxy = await rotating({ everyMs: 400, overlapMs: 10_000 })
    proxy.loseReply()
    const file = await fileWith(proxy.first)
    const agent = await bridged({ url: proxy.url, argv: ['--token-file', file] })
    await until(async () => proxy.rotations() >= 3 && (await reads(agent)) === 'ok')
    expect(proxy.isRevoked()).toBe(false)
  })

  test('shares the token of a file with other bridges, of which one rotates it', async () => {
    const proxy = await rotating({ everyMs: 600, overlapMs: 5000 })
    const file = await fileWith(proxy.first)
    const start = { url: proxy.url, argv: ['--token-file', file] }
    const agents = await Promise.all([bridged(start), bridged(start), bridged(start)])
    await until(async () => {
      expect(await Promise.all(agents.map(reads))).toEqual(['ok', 'ok', 'ok'])
      return proxy.rotations() >= 4
    })
    expect(proxy.isRevoked()).toBe(false)
  })

  test('keeps it in memory when it came from the environment, and says so', async () => {
    const proxy = await rotating({ everyMs: 400, overlapMs: 5000 })
    const agent = await bridged({ url: proxy.url, token: proxy.first })
    await until(async () => proxy.rotations() >= 2 && (await reads(agent)) === 'ok')
    expect(proxy.isRevoked()).toBe(false)
    expect(agent.notes().match(/Start with --token-file/g)).toHaveLength(1)
  })
})
