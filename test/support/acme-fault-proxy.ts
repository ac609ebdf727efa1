import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import { aCertificate } from './certificates.ts'
import type { Pebble } from './pebble.ts'

/** What becomes of one request. `lost …` takes it or its answer away; `garbage` is answered after it took effect. */
export type AcmeFault = 'lost question' | 'lost answer' | 'unavailable' | 'too many' | 'garbage'

export interface AcmeFaultProxy {
  readonly directoryUrl: string
  /** PEM. */
  readonly ca: string
  /** Paths that were asked for, in order. */
  readonly paths: readonly string[]
  /** How often the server behind it answered a POST with 201: accounts and orders. */
  readonly created: readonly string[]
  stop(): Promise<void>
}

const server = aCertificate({ subject: 'proxy', domains: ['localhost'] })

/** Stands before an ACME server, which names its own URLs by the host that it is asked for. @param faultAt by number from 0 */
export async function acmeFaultProxy(
  pebble: Pebble,
  faultAt: (request: number, path: string) => AcmeFault | undefined,
): Promise<AcmeFaultProxy> {
  const paths: string[] = []
  const created: string[] = []
  const ca = readFileSync(pebble.caFile, 'utf8')
  const forward = (question: IncomingMessage, body: string) =>
    new Promise<{ readonly answer: IncomingMessage; readonly text: string }>((resolve, reject) => {
      const { method, headers } = question
      const to = new URL(question.url ?? '/', pebble.directoryUrl)
      const sent = request(to, { method, headers, ca }, (answer) => {
        if (answer.statusCode === 201) created.push(to.pathname)
        read(answer).then((text) => resolve({ answer, text }), reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const respond = async (question: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const { pathname } = new URL(question.url ?? '/', pebble.directoryUrl)
    const fault = faultAt(paths.push(pathname) - 1, pathname)
    const body = await read(question)
    if (fault === 'lost question') return question.socket.destroy()
    if (fault === 'unavailable') return response.writeHead(503, { 'retry-after': '1' }).end('<html>')
    if (fault === 'too many') return response.writeHead(429, { 'retry-after': '7' }).end(problem('rateLimited'))
    const { answer, text } = await forward(question, body)
    if (fault === 'lost answer') return question.socket.destroy()
    if (fault === 'garbage') return response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    return response.writeHead(answer.statusCode ?? 500, answer.headers).end(text)
  }
  const listener = createServer({ cert: server.certificate, key: server.key }, (question, response) => {
    respond(question, response).catch(() => question.socket.destroy())
  })
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    directoryUrl: `https://localhost:${port}${new URL(pebble.directoryUrl).pathname}`,
    ca: server.certificate,
    paths,
    created,
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve())
        listener.closeAllConnections()
      }),
  }
}

function problem(type: string): string {
  return JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail: 'come back later' })
}

async function read(message: IncomingMessage): Promise<string> {
  return message.setEncoding('utf8').reduce((all, part) => all + part, '')
}
