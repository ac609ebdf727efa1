import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface SilenceableProxy {
  readonly port: number
  /** From now on nothing that the server says arrives; connections stay open and new ones are taken. */
  silence(): void
  /** Everything kept back arrives, and all is as before. */
  speak(): void
  /** New connections go to a server on another port, as after a restart of the one behind. */
  turnTo(serverPort: number): void
  close(): void
}

/** A TCP relay to a server on 127.0.0.1 that can fall silent the way a hung server or a dropped route does. */
export async function silenceableProxy(firstPort: number): Promise<SilenceableProxy> {
  let serverPort = firstPort
  const upstreams = new Set<Socket>()
  const sockets = new Set<Socket>()
  let silent = false
  const listener = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1')
    upstream.on('data', (data) => client.write(data))
    client.on('data', (data) => upstream.write(data))
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
