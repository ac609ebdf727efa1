import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port of loopback that was free a moment ago, for a server that cannot say which one it took. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Different ones: none is let go before all are known. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const listeners = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(listeners.map((listener) => once(listener, 'listening')))
  const ports = listeners.map((listener) => {
    const address = listener.address()
    if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
    return address.port
  })
  await Promise.all(listeners.map((listener) => once(listener.close(), 'close')))
  return ports
}
