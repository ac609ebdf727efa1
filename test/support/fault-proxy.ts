import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What becomes of one exchange. In all but the first the server receives the request, and acts on it. */
export type ExchangeFault =
  /** The connection is reset before the server hears of the request. */
  | 'lost request'
  /** The connection is reset once the server has answered, and the answer is lost. */
  | 'lost reply'
  /** The first bytes of the answer arrive, then the connection ends. */
  | 'cut reply'
  /** Half open: the connection stays, and nothing arrives on it any more. */
  | 'no reply'
  | { readonly delayMs: number }

export interface FaultProxy {
  readonly port: number
  /**
   * Does this to the next exchange whose request has the text in it, on any connection or, with `after`, on one that has
   * said that since. @returns when that has begun
   */
  strike(textInRequest: string, fault: ExchangeFault, after?: string): Promise<void>
  /** From now on nothing that the server says arrives; connections stay open and new ones are taken. */
  silence(): void
  /** Everything kept back arrives, and all is as before. */
  speak(): void
  /** New connections go to a server on another port, as after a restart of the one behind. */
  turnTo(serverPort: number): void
  close(): void
}

const BYTES_BEFORE_CUT = 7

interface Strike {
  readonly text: string
  readonly fault: ExchangeFault
  readonly after: string | undefined
  /** The connection that has said what has to come before. */
  speaker: Socket | undefined
  readonly begun: () => void
}

/** A TCP relay to a server on 127.0.0.1, of whatever protocol, that fails in the ways of networks and hung servers. */
export async function faultProxy(firstPort: number): Promise<FaultProxy> {
  let serverPort = firstPort
  let strike: Strike | undefined
  const upstreams = new Set<Socket>()
  const sockets = new Set<Socket>()
  let silent = false
  const listener = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1')
    let fault: ExchangeFault | undefined
    upstream.on('data', (data) => {
      if (fault === undefined || typeof fault === 'object') client.write(data)
      else if (fault === 'lost reply') client.resetAndDestroy()
      else if (fault === 'cut reply') client.end(data.subarray(0, BYTES_BEFORE_CUT))
    })
    client.on('data', (data) => {
      if (strike?.after !== undefined && data.includes(strike.after)) strike.speaker = client
      if (strike !== undefined && isStruck(strike, client, data)) {
        fault = strike.fault
        strike.begun()
        strike = undefined
        if (typeof fault === 'object') hold(upstream, fault.delayMs)
        if (fault === 'lost request') client.resetAndDestroy()
      }
      if (!client.destroyed) upstream.write(data)
    })
    if (silent) upstream.pause()
    upstreams.add(upstream)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return {
    port: address.port,
    strike: (text, fault, after) =>
      new Promise((begun) => {
        strike = { text, fault, after, speaker: undefined, begun }
      }),
    silence: () => {
      silent = true
      for (const upstream of upstreams) upstream.pause()
    },
    speak: () => {
      silent = false
      for (const upstream of upstreams) upstream.resume()
    },
    turnTo: (port) => {
      serverPort = port
    },
    close: () => {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function isStruck({ text, after, speaker }: Strike, client: Socket, data: Buffer): boolean {
  return data.includes(text) && (after === undefined || speaker === client)
}

function hold(upstream: Socket, ms: number): void {
  upstream.pause()
  setTimeout(() => upstream.resume(), ms)
}
