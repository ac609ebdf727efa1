import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintBearer } from '../../src/kernel/bearer.ts'
import { until } from '../support/until.ts'

/** A server of the official SDK whose tool takes its time, as a call that waits for an approval does. */
let server: HttpServer
let url: string
let cancelled = 0
const held = new Set<() => void>()

beforeAll(async () => {
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const mcp = new Server({ name: 'slow', version: '1.0.0' }, { capabilities: { tools: {} } })
      mcp.setRequestHandler('tools/list', () => ({ tools: [{ name: 'wait', inputSchema: { type: 'object' } }] }))
      mcp.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
        const progressToken = params._meta?.progressToken
        for (const progress of progressToken === undefined ? [] : [1, 2, 3])
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: progressToken ?? '', progress },
          })
        await new Promise<void>((resolve) => {
          held.add(resolve)
          mcpReq.signal.addEventListener('abort', () => {
            cancelled += 1
            resolve()
          })
        })
        return { content: [{ type: 'text', text: 'done' }] }
      })
      return mcp
    }),
  )
  server = createServer((req, res) => void handler(Object.assign(req, {}) as Parameters<typeof handler>[0], res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

async function editor(era: 'handshake' | '2026-07-28'): Promise<Client> {
  const client = new Client(
    { name: 'editor', version: '1.0.0' },
    era === 'handshake' ? {} : { versionNegotiation: { mode: { pin: era } } },
  )
  const env = { CERTLOCKER_URL: url, CERTLOCKER_MCP_TOKEN: mintBearer('clk_mcp').value.expose() }
  await client.connect(new StdioClientTransport({ command: process.execPath, args: ['src/launch.js', 'connect'], env }))
  return client
}

describe.each(['handshake', '2026-07-28'] as const)('a call of %s that takes its time', { timeout: 60_000 }, (era) => {
  test('reports its progress through the bridge before its answer is there', async () => {
    const client = await editor(era)
    const progress: number[] = []
    held.clear()
    const call = client.callTool(
      { name: 'wait', arguments: {} },
      { onprogress: (report) => void progress.push(report.progress) },
    )
    await until(async () => progress.length === 3)
    for (const finish of held) finish()
    expect((await call).content).toEqual([{ type: 'text', text: 'done' }])
    expect(progress).toEqual([1, 2, 3])
    await client.close()
  })

  test('gets an error that says so when the connection breaks under it', async () => {
    const client = await editor(era)
    held.clear()
    const call = client.callTool({ name: 'wait', arguments: {} }, { onprogress: () => undefined })
    call.catch(() => undefined)
    await until(async () => held.size === 1)
    server.closeAllConnections()
    await expect(call).rejects.toThrow(/broke off before it answered/)
    await client.close()
  })
})

test('a call of 2026-07-28 that its client cancels is cancelled at the server', { timeout: 60_000 }, async () => {
  const client = await editor('2026-07-28')
  const before = cancelled
  held.clear()
  const controller = new AbortController()
  const call = client.callTool({ name: 'wait', arguments: {} }, { signal: controller.signal })
  call.catch(() => undefined)
  await until(async () => held.size === 1)
  controller.abort()
  await expect(call).rejects.toThrow()
  await until(async () => cancelled === before + 1)
  await client.close()
})
