import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface BearerProxy {
  readonly url: string
  close(): void
}

/**
 * Hands every request on as it came, `Host` and `Origin` included, with a bearer that its sender cannot add itself.
 * @param played tools that the sender knows by a name of its own, and which of the gateway's tools plays each
 */
export async function bearerProxy(
  target: string,
  token: string,
  played: Readonly<Record<string, string>> = {},
): Promise<BearerProxy> {
  const cast = (said: string) =>
    Object.entries(played).reduce((spoken, [role, tool]) => spoken.replaceAll(role, tool), said)
  const { hostname, port } = new URL(target)
  const server = createServer((asked, answer) => {
    void text(asked).then((said) => {
      const body = cast(said)
      const tool = asked.headers['mcp-name']
      const headers = {
        ...asked.headers,
        ...(typeof tool === 'string' ? { 'mcp-name': cast(tool) } : {}),
        ...(said === '' ? {} : { 'content-length': Buffer.byteLength(body) }),
        authorization: `Bearer ${token}`,
      }
      const { method, url: path } = asked
      const passedOn = request({ hostname, port, method, path, headers }, (given) => {
        answer.writeHead(given.statusCode ?? 502, given.rawHeaders)
        given.pipe(answer)
      })
      passedOn.on('error', () => answer.destroy())
      answer.on('close', () => passedOn.destroy())
      passedOn.end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
