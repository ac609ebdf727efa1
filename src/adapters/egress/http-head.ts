import { performance } from 'node:perf_hooks'
import type { TLSSocket } from 'node:tls'
import type { ProbeTarget } from '../../domain/probes/probe-target.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

/** Status line and headers together. */
export const headBytesMax = 32_768
export const hstsCharactersMax = 256

/** What is said of the asker; the same whatever the version of HTTP. */
export const requestFields = {
  'user-agent': 'certlocker-probe',
  accept: '*/*',
  'accept-encoding': 'identity',
} as const

export interface Head {
  readonly status: number
  /** Strict-Transport-Security (RFC 6797). */
  readonly hsts: string | null
  /** Of the monotonic clock. */
  readonly firstByteAtMs: number
}

/**
 * Asks for the path and reads the head of the answer (RFC 9112), no byte more: neither body nor redirect is followed.
 * @returns why there is no answer, in a word or two
 */
export function requestHead(
  socket: TLSSocket,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result<Head, string>> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0)
    let firstByteAtMs: number | undefined
    const end = (result: Result<Head, string>): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      socket.destroy()
      resolve(result)
    }
    const cut = (): void => end(err('stopped'))
    const timer = setTimeout(() => end(err('timeout')), timeoutMs)
    socket.on('data', (chunk: Buffer) => {
      firstByteAtMs ??= performance.now()
      head = Buffer.concat([head, chunk])
      for (;;) {
        const length = head.indexOf('\r\n\r\n')
        if (length < 0 || length > headBytesMax) break
        const parsed = parse(head.toString('latin1', 0, length), firstByteAtMs)
        // Interim answers (RFC 9110 section 15.2) come before the one that counts.
        if (!parsed.ok || parsed.value.status >= 200) return end(parsed)
        head = head.subarray(length + 4)
      }
      if (head.length > headBytesMax) end(err('headers too large'))
    })
    socket.on('error', () => end(err('connection lost')))
    socket.on('close', () => end(err('no answer')))
    if (signal.aborted) return cut()
    signal.addEventListener('abort', cut, { once: true })
    socket.write(request(target))
  })
}

/** Host, and port where it is not the usual one (RFC 9110, section 7.2). */
export function authorityOf({ host, port }: Pick<ProbeTarget, 'host' | 'port'>): string {
  const bare = host.includes(':') ? `[${host}]` : host
  return port === 443 ? bare : `${bare}:${port}`
}

function request(target: ProbeTarget): string {
  const fields = Object.entries(requestFields).map(([name, value]) => `${name}: ${value}`)
  return [`GET ${target.path} HTTP/1.1`, `Host: ${authorityOf(target)}`, ...fields, 'Connection: close', '\r\n'].join(
    '\r\n',
  )
}

function parse(head: string, firstByteAtMs: number): Result<Head, string> {
  const [statusLine = '', ...fields] = head.split('\r\n')
  const [, status] = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: .*)?$/.exec(statusLine) ?? []
  if (status === undefined) return err('not HTTP')
  const hsts = fields.find((field) => /^strict-transport-security:/i.test(field))
  return ok({
    status: Number(status),
    hsts: hsts === undefined ? null : shortText(hsts.slice(hsts.indexOf(':') + 1).trim(), hstsCharactersMax),
    firstByteAtMs,
  })
}
