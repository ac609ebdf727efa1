import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { GatewayProcess } from './gateway-process.ts'

export interface Asked {
  readonly agent: string
  readonly token: string
  /** Reads a secret when absent. */
  readonly tool?: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Told the whole answer, for what is asked next. */
  readonly answered?: (answer: { readonly [name: string]: unknown }) => void
  readonly expected: {
    readonly status: string
    readonly events: number
    readonly message?: string
    /** How what people are shown of the answer begins. */
    readonly shows?: string
  }
}

export interface Question extends Asked {
  readonly says: string
  /** What people do before it is asked. @returns what they did */
  readonly before?: () => Promise<string>
}

/** Enough for people to tell one from another. */
const FINGERPRINT_CHARACTERS = 23

/** One question with its decision, never with the value that an agent was given. */
export interface Answered {
  readonly agent: string
  readonly tool: string
  readonly arguments: Asked['arguments']
  readonly decision: {
    readonly status: string
    readonly code: string | null
    readonly message: string
    readonly decisionId: string
    readonly requestId: string
  }
  readonly expected: Asked['expected']
  readonly asExpected: boolean
  readonly audit: readonly string[]
}

const secretTool = 'certlocker_get_secret'

/** Asks one question as a real MCP client. */
export async function ask(
  gateway: GatewayProcess,
  { agent, token, tool = secretTool, arguments: args, answered, expected }: Asked,
): Promise<Answered> {
  const client = new Client({ name: agent, version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${gateway.url}/rest/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  )
  try {
    const result = await client.callTool({ name: tool, arguments: args })
    const answer = fields(result.structuredContent)
    answered?.(answer)
    const [status, requestId] = [textOf(answer['status']), textOf(answer['requestId'])]
    const message = summary(status, answer)
    const fits =
      status === expected.status &&
      (expected.message === undefined || message === expected.message) &&
      message.startsWith(expected.shows ?? '')
    return {
      agent,
      tool,
      arguments: { ...args },
      decision: {
        status,
        code: textOf(answer['code']) || null,
        message,
        decisionId: textOf(answer['decisionId']),
        requestId,
      },
      expected,
      asExpected: fits,
      audit: await gateway.auditLines(requestId, expected.events),
    }
  } finally {
    await client.close()
  }
}

/** The question, the decision with its reason, and the audit lines, for people. */
export function answeredText({ tool, arguments: args, decision, expected, asExpected, audit }: Answered): string {
  return [
    `   asks     ${tool} ${JSON.stringify(args)}`,
    `   answer   ${decision.status}: ${decision.message}`,
    ...audit.map((line) => `   audit    ${line.replace(/ requestId=.*/, '')}`),
    asExpected ? '' : `   ✘ expected ${expected.status} ${expected.message ?? ''}\n`,
  ].join('\n')
}

function summary(status: string, answer: Record<string, unknown>): string {
  if (status !== 'ok') return textOf(answer['message'])
  if ('ticket' in answer)
    return `session ${textOf(answer['sessionId'])}, recorded (its one-time ticket went to the agent alone)`
  if ('stdout' in answer) return `exit code ${String(answer['exitCode'])}, ${textOf(answer['stdout']).trim()}`
  const { items, verdict, addresses } = answer
  if (Array.isArray(items)) return items.map(itemText).join('; ')
  if (typeof verdict === 'string' && Array.isArray(addresses))
    return `${verdict}; ${addresses.map(addressText).join('; ')}`
  return `version ${String(answer['version'])}, ${textOf(answer['value']).length} characters (the value went to the agent alone)`
}

function itemText(item: unknown): string {
  const { name, version, notAfter } = fields(item)
  return `${textOf(name)} version ${String(version)}, ends ${textOf(notAfter)}`
}

function addressText(seen: unknown): string {
  const { address, chain, servedMatchesExpected } = fields(seen)
  const { certificates } = fields(chain)
  const { fingerprint } = fields(Array.isArray(certificates) ? certificates[0] : undefined)
  const which = servedMatchesExpected === true ? 'the expected' : 'another'
  return `${textOf(address)} serves ${which} certificate, ${textOf(fingerprint).slice(0, FINGERPRINT_CHARACTERS)}…`
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
