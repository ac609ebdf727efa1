import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { sanExtension } from '../../src/domain/certificates/subject-names.ts'
import { derTags, objectIdentifier, writeDer } from '../../src/kernel/der.ts'
import { pemOf } from '../../src/kernel/pem.ts'

const { sequence, set, integer, bitString, utf8String } = derTags
const DAY_MS = 86_400_000

export interface MadeCertificate {
  /** PEM. */
  readonly certificate: string
  /** PKCS #8, PEM. */
  readonly key: string
  readonly signer: Signer
}

interface Signer {
  readonly subject: string
  readonly privateKey: KeyObject
}

export interface CertificateWish {
  readonly subject: string
  readonly domains?: readonly string[]
  readonly days?: number
  /** SPKI, DER: of somebody else's key. */
  readonly publicKey?: Buffer
  /** Itself when absent. */
  readonly issuer?: Signer
}

/** A certificate with an ECDSA key, made by the test itself. */
export function aCertificate({
  subject,
  domains = [],
  days = 90,
  publicKey: given,
  issuer,
}: CertificateWish): MadeCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = { subject, privateKey }
  const by = issuer ?? signer
  const algorithm = writeDer(sequence, objectIdentifier('1.2.840.10045.4.3.2'))
  const now = Date.now()
  const toBeSigned = writeDer(
    sequence,
    writeDer(0xa0, writeDer(integer, Buffer.of(2))),
    writeDer(integer, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    distinguished(by.subject),
    writeDer(sequence, time(now - 30 * DAY_MS), time(now + days * DAY_MS)),
    distinguished(subject),
    given ?? publicKey.export({ type: 'spki', format: 'der' }),
    ...(domains.length === 0 ? [] : [writeDer(0xa3, writeDer(sequence, sanExtension(domains)))]),
  )
  const signature = writeDer(bitString, Buffer.of(0), sign('sha256', toBeSigned, by.privateKey))
  return {
    certificate: pemOf('CERTIFICATE', writeDer(sequence, toBeSigned, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    signer,
  }
}

function distinguished(commonName: string): Buffer {
  const attribute = writeDer(sequence, objectIdentifier('2.5.4.3'), writeDer(utf8String, Buffer.from(commonName)))
  return writeDer(sequence, writeDer(set, attribute))
}

function time(ms: number): Buffer {
  return writeDer(
    0x18,
    Buffer.from(
      `${new Date(ms)
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .replace('Z', '')}Z`,
    ),
  )
}
