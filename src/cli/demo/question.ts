import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { DemoOutput } from './demo-output.ts'
import type { GatewayProcess } from './gateway-process.ts'

export interface Asked {
  readonly agent: string
  readonly token: string
  readonly arguments: { readonly name: string }
  readonly expected: { readonly status: string; readonly events: number; readonly message?: string }
}

/** Asks one question as a real MCP client and shows the question, the decision with its reason, and the audit lines. */
export async function ask(
  gateway: GatewayProcess,
  { agent, token, arguments: args, expected }: Asked,
  out: DemoOutput,
): Promise<boolean> {
  const client = new Client({ name: agent, version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${gateway.url}/rest/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  )
  try {
    const result = await client.callTool({ name: 'certlocker_get_secret', arguments: args })
    const answer = fields(result.structuredContent)
    const status = textOf(answer['status'])
    const fits =
      status === expected.status && (expected.message === undefined || answer['message'] === expected.message)
    out.line(`   asks     certlocker_get_secret ${JSON.stringify(args)}`)
    out.line(`   answer   ${status}: ${summary(status, answer)}`)
    for (const line of await gateway.auditLines(textOf(answer['requestId']), expected.events))
      out.line(`   audit    ${line.replace(/ requestId=.*/, '')}`)
    out.line(fits ? '' : `   ✘ expected ${expected.status} ${expected.message ?? ''}\n`)
    return fits
  } finally {
    await client.close()
  }
}

function summary(status: string, answer: Record<string, unknown>): string {
  if (status !== 'ok') return textOf(answer['message'])
  return `version ${String(answer['version'])}, ${textOf(answer['value']).length} characters (the value went to the agent alone)`
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
