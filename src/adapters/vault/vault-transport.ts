import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** The longest answer that is read. Vault itself takes no entry beyond 1 MiB with its default storage. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024
const SOCKETS_MAX = 32

export interface TransportRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string | undefined
  /** For the whole of it, from the connection to the last byte of the answer. */
  readonly timeoutMs: number
}

export interface TransportAnswer {
  readonly status: number
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown
}

/** No answer that could be used. The message is fit for a log: it holds nothing that was sent or received. */
export class TransportError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TransportError'
  }
}

export interface Transport {
  /** Follows no redirection, honours no proxy, reads no more than 2 MiB. @throws TransportError */
  send(request: TransportRequest): Promise<TransportAnswer>
  /** Closes idle connections. */
  close(): void
}

/**
 * @param protocol of every URL that will be asked
 * @param ca certificates (PEM) that an https server is checked against, in place of the usual ones
 */
export function createTransport(protocol: 'http:' | 'https:', ca: string | undefined): Transport {
  const settings = { keepAlive: true, maxSockets: SOCKETS_MAX }
  const agent =
    protocol === 'https:'
      ? new HttpsAgent({ ...settings, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent(settings)
  return {
    async send(request) {
      try {
        return await sendOnce(request, agent)
      } catch (error) {
        // The server closed an idle connection just when it was used again.
        if (error instanceof StaleConnection && request.method === 'GET') return sendOnce(request, agent)
        throw error
      }
    },
    close: () => agent.destroy(),
  }
}

class StaleConnection extends TransportError {}

function sendOnce(
  { method, url, headers, body, timeoutMs }: TransportRequest,
  agent: HttpAgent,
): Promise<TransportAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    const sent = request(url, { method, headers, signal, agent })
    sent.on('response', (response) => {
      answerOf(response).then(resolve, (error: unknown) => {
        sent.destroy()
        reject(problemOf(error, signal))
      })
    })
    sent.on('error', (error) => {
      const problem = problemOf(error, signal)
      reject(sent.reusedSocket && !signal.aborted ? new StaleConnection(problem.message) : problem)
    })
    sent.end(body)
  })
}

async function answerOf(response: IncomingMessage): Promise<TransportAnswer> {
  const status = response.statusCode ?? 0
  if (status >= 300 && status < 400) throw new TransportError(`it redirects (${status}), which is never followed`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new TransportError(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return { status, body: jsonOf(Buffer.concat(chunks).toString('utf8'), status) }
}

function jsonOf(text: string, status: number): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new TransportError(`its answer (${status}) is no JSON`)
  }
}

/** The error's code at most: messages of drivers and parsers quote what went wrong. */
function problemOf(error: unknown, signal: AbortSignal): TransportError {
  if (error instanceof TransportError) return error
  if (signal.aborted) return new TransportError('it gives no answer in time')
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
  return new TransportError(`it cannot be reached (${code})`)
}
