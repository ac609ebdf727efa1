import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { RequestFacts } from '../../gateway/caller.ts'
import { newId } from '../../kernel/ids.ts'
import { clientAddress } from './client-address.ts'

const CLIENT_REQUEST_ID = /^[\w.:-]{1,128}$/
/** W3C Trace Context, section 3.2.2: version, trace id, parent id, flags; ids of zeros and version ff are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** What is known of a request before anything about it is believed. The request id is ours, whatever the client sent. */
export function requestFacts(req: IncomingMessage, trustedProxies: readonly string[]): RequestFacts {
  const traceparent = header(req, 'traceparent')
  const peer = peerAddress(req.socket)
  const clientIp =
    trustedProxies.length === 0 ? peer : clientAddress(peer, header(req, 'x-forwarded-for'), trustedProxies)
  return {
    id: newId('req'),
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : null,
    clientIp,
    ...(clientIp === peer ? {} : { forwardedBy: peer }),
  }
}

const peers = new WeakMap<Socket, string>()

/** The same for every request of a connection. */
function peerAddress(socket: Socket): string {
  const known = peers.get(socket)
  if (known !== undefined) return known
  const peer = clientAddress(socket.remoteAddress, undefined, [])
  peers.set(socket, peer)
  return peer
}

/** The client's own well-formed `X-Request-Id`, for the log only. */
export function clientRequestId(req: IncomingMessage): string | null {
  const id = header(req, 'x-request-id')
  return id !== undefined && CLIENT_REQUEST_ID.test(id) ? id : null
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}
