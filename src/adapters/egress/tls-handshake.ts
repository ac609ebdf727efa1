import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { Observation, ServedCertificate } from '../../domain/probes/probe-verdict.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const CERTIFICATES_MAX = 10
const NAME_CHARACTERS_MAX = 256
const SANS_MAX = 100

export interface HandshakeSettings {
  readonly host: string
  readonly isIp: boolean
  /** Offered by ALPN (RFC 7301). */
  readonly protocols: readonly string[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export type Served = Pick<Observation, 'tls' | 'chain' | 'hostnameMatches'> & { readonly socket: TLSSocket }

/**
 * Completes a TLS handshake whatever the certificate, and tells what was served. A name is sent as SNI (RFC 6066), an
 * address never.
 * @returns why there is no handshake, in a word or two
 */
export function shakeHands(socket: Socket, settings: HandshakeSettings): Promise<Result<Served, string>> {
  return new Promise((resolve) => {
    const { host, isIp, signal } = settings
    let ocspStapled = false
    const options = {
      socket,
      secureContext: sharedContext(),
      ...(isIp ? {} : { servername: host }),
      ALPNProtocols: [...settings.protocols],
      requestOCSP: true,
      // The handshake is completed with anyone: what was served is the answer. Nothing of value is ever sent.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    }
    const tls = connect(options)
    const end = (result: Result<Served, string>): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      if (!result.ok) tls.destroy()
      resolve(result)
    }
    const cut = (): void => end(err('stopped'))
    const timer = setTimeout(() => end(err('timeout')), settings.timeoutMs)
    tls.on('OCSPResponse', (response: Buffer | null) => {
      ocspStapled = response !== null && response !== undefined && response.length > 0
    })
    tls.on('error', (error: NodeJS.ErrnoException) => end(err(shortText(error.code ?? 'failed', 64))))
    tls.once('close', () => end(err('closed')))
    tls.once('secureConnect', () => end(served(tls, ocspStapled, settings)))
    if (signal.aborted) cut()
    else signal.addEventListener('abort', cut, { once: true })
  })
}

let context: SecureContext | undefined

/** Reading the roots takes longer than the handshake, so it is done once. */
function sharedContext(): SecureContext {
  context ??= createSecureContext()
  return context
}

function served(tls: TLSSocket, ocspStapled: boolean, { host, isIp }: HandshakeSettings): Result<Served, string> {
  try {
    const leaf = tls.getPeerX509Certificate()
    if (leaf === undefined) return err('no certificate')
    const certificates: ServedCertificate[] = []
    let next: X509Certificate | undefined = leaf
    while (next !== undefined && certificates.length < CERTIFICATES_MAX) {
      certificates.push(facts(next))
      next = next.issuerCertificate === next ? undefined : next.issuerCertificate
    }
    const { name: cipher } = tls.getCipher()
    const problem = tls.authorized ? null : problemText(tls.authorizationError)
    return ok({
      socket: tls,
      tls: { version: tls.getProtocol() ?? '', cipher, alpn: tls.alpnProtocol || null, ocspStapled },
      chain: { certificates, trusted: tls.authorized, problem },
      hostnameMatches: (isIp ? leaf.checkIP(host) : leaf.checkHost(host)) !== undefined,
    })
  } catch {
    return err('unreadable certificate')
  }
}

function facts(certificate: X509Certificate): ServedCertificate {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    sans: (certificate.subjectAltName ?? '')
      .split(', ')
      .filter((name) => name !== '')
      .slice(0, SANS_MAX)
      .map((name) => oneLine(name.replace(/^(?:DNS|IP Address):/, ''))),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint256,
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
  }
}

/** Text of a stranger, for people's screens and a model's context. */
function oneLine(text: string | undefined): string {
  // Format characters are seen by no person, and may still tell a model something.
  const flat = (text ?? '').replace(/[\n\t]+/g, ', ').replace(/\p{Cf}/gu, '')
  return shortText(flat, NAME_CHARACTERS_MAX)
}

function problemText(error: unknown): string {
  return shortText(error instanceof Error ? error.message : String(error), 128)
}
