import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'

/** Bounds of a connection. */
export const httpBounds = {
  headerBytesMax: 16_384,
  headersMax: 100,
  headersTimeoutMs: 10_000,
  /** From the first byte to the end of the body; an answer may take longer. */
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  timeoutCheckMs: 1_000,
  idleCloseMs: 50,
} as const

export interface ListenSettings {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** PEM files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined
}

/** Resolves when connections are accepted. @throws when the address is taken or a TLS file cannot be read */
export async function bind({ tls, host, port }: ListenSettings, listener: RequestListener): Promise<Server> {
  const options = {
    maxHeaderSize: httpBounds.headerBytesMax,
    headersTimeout: httpBounds.headersTimeoutMs,
    requestTimeout: httpBounds.requestTimeoutMs,
    keepAliveTimeout: httpBounds.keepAliveTimeoutMs,
    connectionsCheckingInterval: httpBounds.timeoutCheckMs,
  }
  const server =
    tls === undefined
      ? createServer(options, listener)
      : createTlsServer(
          { ...options, minVersion: 'TLSv1.2', cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) },
          listener,
        )
  server.maxHeadersCount = httpBounds.headersMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}

/** Accepts no more connections, lets running requests end for so long, then cuts them off. */
export async function drain(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  const over = AbortSignal.timeout(graceMs)
  const isClosed = closed.then(() => true)
  // A connection whose last answer was on its way when the server closed turns idle later.
  while (!over.aborted && !(await Promise.race([isClosed, delay(httpBounds.idleCloseMs, false)])))
    server.closeIdleConnections()
  server.closeAllConnections()
  await closed
}
