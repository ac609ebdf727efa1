import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { ClientKind } from './agent.ts'

export interface StdioAgent {
  readonly pid: number
  calls(tool: string, args?: object): Promise<Readonly<Record<string, unknown>>>
  toolNames(): Promise<readonly string[]>
  /** Everything the bridge said beside the protocol. */
  notes(): string
  /** What the client could not make sense of on the bridge's standard output. */
  readonly errors: readonly Error[]
  close(): Promise<void>
}

export interface BridgeStart {
  readonly url: string
  readonly token?: string
  readonly argv?: readonly string[]
  readonly kind?: ClientKind
  readonly env?: Readonly<Record<string, string>>
}

/** An official client that starts `certlocker connect` and talks to it, as an editor does. */
export async function stdioAgent({ url, token, argv = [], kind, env = {} }: BridgeStart): Promise<StdioAgent> {
  const started = {
    command: process.execPath,
    args: ['src/launch.js', 'connect', ...argv],
    env: {
      PATH: process.env['PATH'] ?? '',
      CERTLOCKER_URL: url,
      ...(token === undefined ? {} : { CERTLOCKER_MCP_TOKEN: token }),
      ...env,
    },
    stderr: 'pipe' as const,
  }
  const isV1 = kind === 'sdk v1, handshake'
  const client = isV1
    ? new ClientV1({ name: 'editor', version: '1.0.0' })
    : new ClientV2(
        { name: 'editor', version: '1.0.0' },
        kind === 'sdk v2, handshake' ? {} : { versionNegotiation: { mode: { pin: '2026-07-28' } } },
      )
  const transport = isV1 ? new StdioV1(started) : new StdioV2(started)
  let notes = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    notes += chunk.toString()
  })
  const errors: Error[] = []
  client.onerror = (error: Error) => void errors.push(error)
  // Both clients take both transports; their types only differ in how they say so.
  await (client as ClientV2).connect(transport)
  return {
    pid: transport.pid ?? 0,
    calls: async (name, args = {}) => {
      const { structuredContent } = await client.callTool({ name, arguments: { ...args } })
      return structuredContent as Readonly<Record<string, unknown>>
    },
    toolNames: async () => (await client.listTools()).tools.map((tool) => tool.name),
    notes: () => notes,
    errors,
    close: () => client.close(),
  }
}
