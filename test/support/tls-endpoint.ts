// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 wants it to be there first
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createSecureContext, createServer, type TLSSocket } from 'node:tls'
import * as x509 from '@peculiar/x509'

const DAY_MS = 86_400_000

export interface CertificateGiven {
  readonly names?: readonly string[]
  readonly subject?: x509.JsonName
  readonly notBefore?: Date
  readonly notAfter?: Date
}

export interface Certificate {
  readonly cert: string
  readonly key: string
  /** SHA-256 as Node writes it. */
  readonly fingerprint: string
}

/** A self-signed certificate, good for 30 days unless it is said otherwise. */
export async function certificate({
  names = ['localhost', '127.0.0.1'],
  subject = [{ CN: [names[0] ?? ''] }],
  notBefore = new Date(Date.now() - DAY_MS),
  notAfter = new Date(Date.now() + 30 * DAY_MS),
}: CertificateGiven = {}): Promise<Certificate> {
  x509.cryptoProvider.set(webcrypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const digest = Buffer.from(await made.getThumbprint('SHA-256', webcrypto))
    .toString('hex')
    .toUpperCase()
  return {
    cert: made.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    fingerprint: digest.replace(/(..)(?!$)/g, '$1:'),
  }
}

export interface TlsEndpoint {
  readonly port: number
  /** What it was asked, the head of each request. */
  readonly requests: readonly string[]
  /** How many it completed. */
  handshakes(): number
  /** Serves another certificate from the next handshake on, as a proxy that was reloaded. */
  reload(certificate: Certificate): void
  stop(): Promise<void>
}

const healthy = (socket: TLSSocket): void =>
  void socket.end(
    'HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=63072000\r\nContent-Length: 11\r\n\r\nhello world',
  )

/** A real TLS server on loopback. @param answer is given the connection once a request's head arrived */
export async function tlsEndpoint(
  first: Certificate,
  answer: (socket: TLSSocket) => void = healthy,
): Promise<TlsEndpoint> {
  let context = createSecureContext(first)
  const requests: string[] = []
  const sockets = new Set<TLSSocket>()
  let handshakes = 0
  const server = createServer({ ...first, SNICallback: (_name, done) => done(null, context) }, (socket) => {
    sockets.add(socket)
    handshakes++
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.once('data', (request) => {
      requests.push(request.toString())
      answer(socket)
    })
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    requests,
    handshakes: () => handshakes,
    reload: (next) => {
      context = createSecureContext(next)
      server.setSecureContext(next)
    },
    stop: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}
