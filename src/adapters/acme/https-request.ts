import { type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

const ANSWER_BYTES_MAX = 1024 * 1024
const REQUEST_MS = 10_000

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export interface HttpQuestion {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: HttpAgent
  /** For the whole of it. */
  readonly timeoutMs?: number
}

/** No answer that could be used. The message is fit for a log and for people: it holds nothing that was sent or received. */
export class NoAnswer extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoAnswer'
  }
}

/** Follows no redirection, honours no proxy, reads no more than 1 MiB. @throws NoAnswer */
export function ask(
  url: string,
  { method, headers = {}, body, agent, timeoutMs = REQUEST_MS }: HttpQuestion,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const place = URL.canParse(url) ? new URL(url) : undefined
    if (place?.protocol !== 'https:' && place?.protocol !== 'http:') throw new NoAnswer('it names no URL')
    const signal = AbortSignal.timeout(timeoutMs)
    const send = place.protocol === 'https:' ? httpsRequest : httpRequest
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = send(place, {
      method,
      headers: { 'user-agent': 'certlocker', ...headers, ...length },
      signal,
      ...(agent === undefined ? {} : { agent }),
    })
    const fail = (error: unknown) => {
      sent.destroy()
      reject(problemOf(error, signal))
    }
    sent.on('error', fail)
    sent.on('response', (response) => {
      textOf(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        fail,
      )
    })
    sent.end(body)
  })
}

/** What Retry-After asks for: seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfterMs({ headers }: Pick<HttpAnswer, 'headers'>): number | null {
  const given = headers['retry-after'] ?? ''
  if (/^\d{1,7}$/.test(given)) return Number(given) * 1000
  const at = Date.parse(given)
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now())
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new NoAnswer(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The error's code at most: messages of drivers quote what went wrong. */
function problemOf(error: unknown, signal: AbortSignal): NoAnswer {
  if (error instanceof NoAnswer) return error
  if (signal.aborted) return new NoAnswer('it gives no answer in time')
  return new NoAnswer(
    `it cannot be reached (${error instanceof Error && 'code' in error ? String(error.code) : 'no answer'})`,
  )
}
