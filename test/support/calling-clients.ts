import { handshakeMessage, rawMcp, rpcOf } from './raw-mcp.ts'

/** What came of one call. */
export interface CallEnd {
  /** 0 when the connection broke before an answer. */
  readonly httpStatus: number
  /** `ok`, `denied`, `failed`, `approval_required`; '' when there was no tool result. */
  readonly status: string
  readonly code: string
  readonly message: string
  readonly requestId: string
  readonly ms: number
}

export interface CallingClients {
  readonly ends: readonly CallEnd[]
  /** Lets the calls under way end and begins no more. */
  stop(): Promise<readonly CallEnd[]>
}

export interface Calls {
  readonly url: string
  readonly token: string
  readonly sessionId: string
  readonly clients: number
  /** The tools and arguments, taken in turn. */
  readonly questions: readonly (readonly [tool: string, args: object])[]
}

/** Clients that call without a pause, each after the answer to the call before, until they are stopped. */
export function callingClients({ clients, questions, ...where }: Calls): CallingClients {
  const ends: CallEnd[] = []
  const stopping = new AbortController()
  let asked = 0
  const client = async () => {
    while (!stopping.signal.aborted) {
      const [tool, args] = questions[asked++ % questions.length] ?? ['', {}]
      ends.push(await callOnce(where, tool, args))
    }
  }
  const running = Promise.all(Array.from({ length: clients }, client))
  return {
    ends,
    stop: async () => {
      stopping.abort()
      await running
      return ends
    },
  }
}

/** One call over a handshake session. Resolves whatever becomes of it. */
export async function callOnce(
  { url, token, sessionId }: Pick<Calls, 'url' | 'token' | 'sessionId'>,
  tool: string,
  args: object,
): Promise<CallEnd> {
  const startMs = performance.now()
  const message = handshakeMessage('tools/call', { name: tool, arguments: args })
  const answer = await rawMcp(url, { token, sessionId, message }).catch(() => undefined)
  const ms = performance.now() - startMs
  if (answer === undefined) return { httpStatus: 0, status: '', code: '', message: '', requestId: '', ms }
  const { result, error } = rpcOf(answer) as {
    readonly result?: { readonly structuredContent: Readonly<Record<string, string>> }
    readonly error?: Readonly<Record<string, string>>
  }
  const { status = '', code = '', message: said = '' } = result?.structuredContent ?? { ...error, status: '' }
  return {
    httpStatus: answer.status,
    status,
    code,
    message: said,
    requestId: String(answer.headers['x-request-id']),
    ms,
  }
}
