import { type RawAnswer, rawHttp } from './raw-http.ts'

export interface RawMcp {
  readonly method?: 'POST' | 'DELETE' | 'GET'
  readonly token?: string | undefined
  /** The session of a handshake client; a request without one speaks 2026-07-28 unless it says otherwise itself. */
  readonly sessionId?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is when it is text, else as JSON. */
  readonly message?: unknown
}

/** One request to `/rest/mcp` exactly as given, for what no official client would send. */
export function rawMcp(
  url: string,
  { method = 'POST', token, sessionId, headers = {}, message }: RawMcp,
): Promise<RawAnswer> {
  return rawHttp(url, {
    method,
    path: '/rest/mcp',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(sessionId === undefined ? {} : { 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-11-25' }),
      ...headers,
    },
    ...(message === undefined ? {} : { body: typeof message === 'string' ? message : JSON.stringify(message) }),
  })
}

/** A message of a handshake client. */
export function handshakeMessage(method: string, params: object = {}, id: number | string = 1): object {
  return { jsonrpc: '2.0', id, method, params }
}

export const initialize = handshakeMessage('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'raw', version: '1' },
})

/** Opens a handshake session. @returns its id */
export async function openSession(url: string, token: string, message: object = initialize): Promise<string> {
  const answer = await rawMcp(url, { token, message })
  const sessionId = answer.headers['mcp-session-id']
  if (answer.status !== 200 || typeof sessionId !== 'string')
    throw new Error(`initialize answered ${answer.status}: ${answer.text}`)
  return sessionId
}

/** The JSON-RPC response in an answer, which comes as JSON or as one server-sent event. */
export function rpcOf({ text }: RawAnswer): { readonly [name: string]: unknown } {
  const data = /^data: (.*)$/m.exec(text)?.[1]
  return JSON.parse(data ?? text)
}
