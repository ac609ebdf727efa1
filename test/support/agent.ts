import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client'
import { exercised } from './components.ts'

/** The official clients: v1 knows the handshake era only, v2 both. */
export const clientKinds = ['sdk v1, handshake', 'sdk v2, handshake', 'sdk v2, 2026-07-28'] as const
export type ClientKind = (typeof clientKinds)[number]

/** A tool's answer as a client sees it. */
export interface ToolAnswer {
  readonly isError: boolean
  readonly structured: { readonly [name: string]: unknown }
  readonly text: string
}

/** An AI agent's client that is connected to the gateway. */
export interface Agent {
  readonly token: string
  readonly sessionId: string | undefined
  calls(tool: string, args?: object, meta?: object): Promise<ToolAnswer>
  /** As `calls`, with a progress token. @param heard is told of each progress notification */
  follows(tool: string, args: object, heard: (message: string) => void): Promise<ToolAnswer>
  toolNames(): Promise<readonly string[]>
  /** What each listed tool promises about its results, by the tool's name. */
  outputSchemas(): Promise<ReadonlyMap<string, object>>
  close(): Promise<void>
  endSession(): Promise<void>
}

export interface ConnectOptions {
  readonly kind?: ClientKind
  readonly name?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Connects with a real client. Rejects as that client does when the gateway refuses. */
export async function connect(
  url: string,
  token: string,
  { kind = 'sdk v2, 2026-07-28', name = 'test-client', headers = {} }: ConnectOptions = {},
): Promise<Agent> {
  const endpoint = new URL(`${url}/rest/mcp`)
  const requestInit = { headers: { authorization: `Bearer ${token}`, ...headers } }
  if (kind === 'sdk v1, handshake') {
    exercised('mcp-sdk-v1')
    const client = new ClientV1({ name, version: '1.0.0' })
    const transport = new TransportV1(endpoint, { requestInit })
    await client.connect(transport)
    return {
      token,
      sessionId: transport.sessionId,
      calls: async (tool, args, meta) => answerOf(await client.callTool(callOf(tool, args, meta))),
      follows: async (tool, args, heard) =>
        answerOf(
          await client.callTool(callOf(tool, args), undefined, { onprogress: ({ message = '' }) => heard(message) }),
        ),
      toolNames: async () => (await client.listTools()).tools.map((tool) => tool.name),
      outputSchemas: async () => schemasOf((await client.listTools()).tools),
      close: () => client.close(),
      endSession: () => transport.terminateSession(),
    }
  }
  exercised('mcp-sdk-v2')
  const client = new ClientV2(
    { name, version: '1.0.0' },
    kind === 'sdk v2, handshake' ? {} : { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  const transport = new TransportV2(endpoint, { requestInit })
  await client.connect(transport)
  return {
    token,
    sessionId: transport.sessionId,
    calls: async (tool, args, meta) => answerOf(await client.callTool(callOf(tool, args, meta))),
    follows: async (tool, args, heard) =>
      answerOf(await client.callTool(callOf(tool, args), { onprogress: ({ message = '' }) => heard(message) })),
    toolNames: async () => (await client.listTools()).tools.map((tool) => tool.name),
    outputSchemas: async () => schemasOf((await client.listTools()).tools),
    close: () => client.close(),
    endSession: () => transport.terminateSession(),
  }
}

function callOf(name: string, args: object = {}, meta?: object) {
  return { name, arguments: { ...args }, ...(meta === undefined ? {} : { _meta: { ...meta } }) }
}

function schemasOf(tools: readonly { readonly name: string; readonly outputSchema?: object | undefined }[]) {
  return new Map(tools.map(({ name, outputSchema }) => [name, outputSchema ?? {}]))
}

function answerOf(result: object): ToolAnswer {
  const structured: unknown = 'structuredContent' in result ? result.structuredContent : undefined
  const content: unknown = 'content' in result ? result.content : undefined
  const [block]: unknown[] = Array.isArray(content) ? content : []
  return {
    isError: 'isError' in result && result.isError === true,
    structured: typeof structured === 'object' && structured !== null ? { ...structured } : {},
    text: typeof block === 'object' && block !== null && 'text' in block ? String(block.text) : '',
  }
}
