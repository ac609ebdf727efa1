import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { performance } from 'node:perf_hooks'
import type { TLSSocket } from 'node:tls'
import type { ProbeTarget } from '../../domain/probes/probe-target.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { authorityOf, type Head, headBytesMax, hstsCharactersMax, requestFields } from './http-head.ts'

const MEMORY_MEBIBYTES = 1

/**
 * As `requestHead`, over HTTP/2 (RFC 9113). No body is read: the stream ends with its head.
 * @returns why there is no answer, in a word or two
 */
export function requestHttp2Head(
  socket: TLSSocket,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result<Head, string>> {
  return new Promise((resolve) => {
    const session = sessionOn(socket, target)
    const end = (result: Result<Head, string>): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      session.destroy()
      socket.destroy()
      resolve(result)
    }
    const cut = (): void => end(err('stopped'))
    const timer = setTimeout(() => end(err('timeout')), timeoutMs)
    session.on('error', () => end(err('connection lost')))
    session.on('close', () => end(err('no answer')))
    if (signal.aborted) return cut()
    signal.addEventListener('abort', cut, { once: true })
    const pseudo = { ':method': 'GET', ':scheme': 'https', ':path': target.path, ':authority': authorityOf(target) }
    const stream = session.request({ ...pseudo, ...requestFields })
    stream.on('response', (headers) => end(headOf(headers)))
    stream.on('error', () => end(err('not HTTP')))
    stream.end()
  })
}

function sessionOn(socket: TLSSocket, target: ProbeTarget): ClientHttp2Session {
  return connect(`https://${authorityOf(target)}`, {
    createConnection: () => socket,
    maxSessionMemory: MEMORY_MEBIBYTES,
    settings: { enablePush: false, maxHeaderListSize: headBytesMax },
  })
}

function headOf(headers: IncomingHttpHeaders): Result<Head, string> {
  const status = Number(headers[':status'])
  const { 'strict-transport-security': hsts } = headers
  if (!Number.isInteger(status)) return err('not HTTP')
  return ok({
    status,
    hsts: hsts === undefined ? null : shortText(hsts.trim(), hstsCharactersMax),
    firstByteAtMs: performance.now(),
  })
}
