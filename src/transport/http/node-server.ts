import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, FaultError, fault } from '../../kernel/fault.ts'

/** Bounds of a connection. */
export const httpBounds = {
  headerBytesMax: 16_384,
  headersMax: 100,
  headersTimeoutMs: 10_000,
  /** From the first byte to the end of the body; an answer may take longer. */
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  timeoutCheckMs: 1_000,
  drainPollMs: 20,
} as const

export interface ListenSettings {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** PEM files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined
}

/** A server that accepts connections. */
export interface BoundServer {
  readonly port: number
  readonly isStopping: boolean
  /** Accepts no more connections, lets running requests end for so long, then cuts them off. */
  drain(graceMs: number): Promise<void>
}

/**
 * Resolves when connections are accepted.
 * @throws FaultError ADDRESS_TAKEN, or CONFIGURATION_INVALID when the address cannot be had or a TLS file cannot be used
 */
export async function bind({ tls, host, port }: ListenSettings, listener: RequestListener): Promise<BoundServer> {
  const server =
    tls === undefined
      ? createServer(options, listener)
      : createTlsServer(
          { ...options, minVersion: 'TLSv1.2', cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) },
          listener,
        )
  server.maxHeadersCount = httpBounds.headersMax
  let running = 0
  server.on('request', (_, response) => {
    running += 1
    response.once('close', () => {
      running -= 1
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new FaultError(notListening(error, host, port))))
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    get isStopping() {
      return !server.listening
    },
    drain: (graceMs) => drain(server, () => running, graceMs),
  }
}

function notListening(error: NodeJS.ErrnoException, host: string, port: number): Fault {
  const place = `${host}:${port}`
  if (error.code === 'EADDRINUSE')
    return fault('ADDRESS_TAKEN', {
      message: `Another program listens on ${place}: stop it, or set http.port (CERTLOCKER_HTTP__PORT) to another port or to 0 for any free one`,
      cause: error,
    })
  const remedy =
    error.code === 'EACCES'
      ? 'this user may not use the port; set http.port (CERTLOCKER_HTTP__PORT) to one from 1024 on'
      : 'set http.host (CERTLOCKER_HTTP__HOST) to an address of this machine'
  return fault('CONFIGURATION_INVALID', {
    message: `Cannot listen on ${place} (${error.code}): ${remedy}`,
    cause: error,
  })
}

const options = {
  maxHeaderSize: httpBounds.headerBytesMax,
  headersTimeout: httpBounds.headersTimeoutMs,
  requestTimeout: httpBounds.requestTimeoutMs,
  keepAliveTimeout: httpBounds.keepAliveTimeoutMs,
  connectionsCheckingInterval: httpBounds.timeoutCheckMs,
}

/** Connections that wait for nothing are cut at once: Node would keep one that never asked until its headers time out. */
async function drain(server: Server, running: () => number, graceMs: number): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  const deadlineMs = performance.now() + graceMs
  while (running() > 0 && performance.now() < deadlineMs) await delay(httpBounds.drainPollMs)
  server.closeAllConnections()
  await closed
}
