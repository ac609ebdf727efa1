import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { mintBearer } from '../../src/kernel/bearer.ts'

export interface RotatingProxy {
  readonly url: string
  /** The token to start with. */
  readonly first: string
  current(): string
  rotations(): number
  /** Whether a dead token was used, or a successor was asked for after it had been used: the chain is gone. */
  isRevoked(): boolean
  /** The next rotation happens, but its answer does not arrive. */
  loseReply(): void
  close(): void
}

interface Token {
  readonly value: string
  readonly bornMs: number
  used: boolean
}

export interface RotationTimes {
  readonly everyMs: number
  readonly overlapMs: number
}

/** Gives a gateway's one token a life of rotation, by the rules of `POST /rest/token/rotate`, strict about every misuse. */
export async function rotatingProxy(target: string, token: string, times: RotationTimes): Promise<RotatingProxy> {
  const mint = (): Token => ({ value: mintBearer('clk_mcp').value.expose(), bornMs: Date.now(), used: false })
  let current = mint()
  let previous: { readonly value: string; readonly deadAtMs: number } | undefined
  const { value: first } = current
  let [rotations, isRevoked, isLosing] = [0, false, false]

  const rotateAfter = () => new Date(current.bornMs + times.everyMs).toISOString()
  const isAlive = (value: string) =>
    !isRevoked && (value === current.value || (value === previous?.value && Date.now() < previous.deadAtMs))

  function rotate(value: string, answer: ServerResponse): void {
    if (value === current.value && Date.now() < current.bornMs + times.everyMs)
      return send(answer, 409, {
        error: { code: 'NOT_DUE', message: 'Not due', details: { rotateAfter: rotateAfter() } },
      })
    if (value !== current.value && current.used) isRevoked = true
    if (isRevoked) return send(answer, 401, {})
    if (value === current.value) previous = { value, deadAtMs: Date.now() + times.overlapMs }
    current = mint()
    rotations += 1
    if (isLosing) {
      isLosing = false
      answer.destroy()
      return
    }
    const expiresAt = new Date(Date.now() + times.everyMs + times.overlapMs).toISOString()
    send(answer, 200, { value: current.value, expiresAt, rotateAfter: rotateAfter() })
  }

  function passOn(asked: IncomingMessage, value: string, answer: ServerResponse): void {
    if (value === current.value) current.used = true
    const { hostname, port } = new URL(target)
    const headers = { ...asked.headers, authorization: `Bearer ${token}` }
    const { method, url: path } = asked
    const passed = request({ hostname, port, method, path, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.rawHeaders)
      given.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  }

  const server = createServer((asked, answer) => {
    const value = (asked.headers.authorization ?? '').replace('Bearer ', '')
    if (!isAlive(value)) {
      isRevoked = true
      return send(answer, 401, { error: { code: 'UNAUTHENTICATED', message: 'Authentication failed' } })
    }
    if (asked.url === '/rest/token/rotate') return rotate(value, answer)
    passOn(asked, value, answer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    first,
    current: () => current.value,
    rotations: () => rotations,
    isRevoked: () => isRevoked,
    loseReply: () => {
      isLosing = true
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function send(answer: ServerResponse, status: number, body: object): void {
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
