import { createServer } from 'node:http'
import type { ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import type { ChallengeStore } from '../../domain/certificates/challenge-store.ts'
import type { Clock } from '../../kernel/clock.ts'
import { FaultError, fault } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import { ok } from '../../kernel/result.ts'

const PATH = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,256})$/
const REQUEST_MS = 10_000

/** Answers http-01 challenges (RFC 8555, section 8.3) through whichever replica is asked. */
export function http01Responder(challenges: Pick<ChallengeStore, 'put' | 'remove'>, clock: Clock): ChallengeResponder {
  return {
    type: 'http-01',
    present: async ({ token, keyAuthorization }) => {
      await challenges.put(token, keyAuthorization, new Date(clock.now()))
      return ok({ settleMs: 0 })
    },
    remove: ({ token }) => challenges.remove(token),
  }
}

/**
 * Listens for the servers that look at http-01 challenges. It serves nothing else, and nothing of it is secret.
 * @throws FaultError with ADDRESS_TAKEN
 */
export async function listenForHttp01(
  address: { readonly host: string; readonly port: number },
  challenges: Pick<ChallengeStore, 'find'>,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
    const [, token] = PATH.exec(request.url ?? '') ?? []
    const isAsked = token !== undefined && (request.method === 'GET' || request.method === 'HEAD')
    const answer = (status: number, text: string) =>
      void response.writeHead(status, { 'content-type': 'application/octet-stream', connection: 'close' }).end(text)
    const found = isAsked ? challenges.find(token) : Promise.resolve(undefined)
    found.then(
      (text) => answer(text === undefined ? 404 : 200, text ?? ''),
      (error: unknown) => {
        log.warn('a challenge could not be looked up', { error })
        answer(503, '')
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new FaultError(fault('ADDRESS_TAKEN', { detail: `acme.http01 ${address.host}:${address.port}`, cause }))),
    )
    server.listen(address.port, address.host, resolve)
  })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
