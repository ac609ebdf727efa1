import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer, fromJsonSchema } from '@modelcontextprotocol/server'

/** The yardstick: the official SDK's server with one tool, a bearer compare, and nothing of a gateway. */
const bearer = `Bearer ${process.argv[2] ?? ''}`
const input = fromJsonSchema({
  type: 'object',
  properties: { name: { type: 'string' } },
  required: ['name'],
  additionalProperties: false,
})

const handler = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'bare', version: '1.0.0' }, { capabilities: { tools: {} } })
    server.registerTool('certlocker_get_secret', { description: 'Echoes', inputSchema: input }, async () => {
      const structuredContent = {
        status: 'ok',
        name: 'bench',
        groups: ['staging'],
        version: 0,
        type: 'password',
        value: 'x'.repeat(24),
      }
      return { structuredContent, content: [{ type: 'text' as const, text: JSON.stringify(structuredContent) }] }
    })
    return server
  }),
)
const server = createServer((req, res) => {
  if (req.headers.authorization === bearer) void handler(Object.assign(req, {}) as Parameters<typeof handler>[0], res)
  else res.writeHead(401).end()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null)
    process.stdout.write(`ready at http://127.0.0.1:${address.port}\n`)
})
