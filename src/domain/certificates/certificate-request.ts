import { createPrivateKey, createPublicKey, generateKeyPair, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { contextTag, derTags, objectIdentifier, readDer, readDerElement, writeDer } from '../../kernel/der.ts'
import { Secret } from '../../kernel/secret.ts'
import { sanExtension, sansOfExtension } from './subject-names.ts'

const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14')
const ECDSA_WITH_SHA256 = objectIdentifier('1.2.840.10045.4.3.2')

const { sequence, set, integer, bitString } = derTags

/** A fresh key and the request to certify it. */
export interface KeyAndRequest {
  /** PKCS #8, PEM. */
  readonly privateKey: Secret<string>
  /** PKCS #10 (RFC 2986), DER. */
  readonly csr: Buffer
}

/** Makes an ECDSA P-256 key and a request with an empty subject: the names are in the SAN extension alone (RFC 6125). */
export async function newCertificateRequest(domains: readonly string[]): Promise<KeyAndRequest> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const extensions = writeDer(sequence, sanExtension(domains))
  const info = writeDer(
    sequence,
    writeDer(integer, Buffer.of(0)),
    writeDer(sequence),
    publicKey.export({ type: 'spki', format: 'der' }),
    writeDer(contextTag(0, 'constructed'), writeDer(sequence, EXTENSION_REQUEST, writeDer(set, extensions))),
  )
  const signature = sign('sha256', info, privateKey)
  return {
    privateKey: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    csr: writeDer(sequence, info, writeDer(sequence, ECDSA_WITH_SHA256), writeDer(bitString, Buffer.of(0), signature)),
  }
}

/** What a request asks for, as a certificate authority reads it. */
export interface RequestFacts {
  /** DNS names, sorted. */
  readonly domains: readonly string[]
  /** Public key, SPKI, DER. */
  readonly publicKey: Buffer
}

/**
 * Reads a request of this gateway's own form, signature included.
 * @returns undefined when it is anything else: another subject, a name that is no DNS name, further extensions
 */
export function readCertificateRequest(csr: Buffer): RequestFacts | undefined {
  const [info, , signature] = readDer(readDerElement(csr, sequence)?.content ?? Buffer.alloc(0)) ?? []
  const [version, subject, publicKey, attributes] = readDer(info?.content ?? Buffer.alloc(0)) ?? []
  if (info === undefined || signature === undefined || publicKey === undefined || attributes === undefined)
    return undefined
  if (version?.content.equals(Buffer.of(0)) !== true || subject?.content.length !== 0) return undefined
  const domains = domainsOf(attributes.content)
  if (domains === undefined || !isSigned(info.whole, publicKey.whole, signature.content.subarray(1))) return undefined
  return { domains, publicKey: publicKey.whole }
}

/** Whether a key is the one that a request or a certificate is about. @param spki its public key, DER */
export function isKeyOf(privateKey: Secret<string>, spki: Buffer): boolean {
  const publicKey = createPublicKey(createPrivateKey(privateKey.expose()))
  return publicKey.export({ type: 'spki', format: 'der' }).equals(spki)
}

function isSigned(info: Buffer, spki: Buffer, signature: Buffer): boolean {
  try {
    return verify('sha256', info, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)
  } catch {
    return false
  }
}

function domainsOf(attributes: Buffer): readonly string[] | undefined {
  const [attribute, ...others] = readDer(attributes) ?? []
  const [type, values] = readDer(attribute?.content ?? Buffer.alloc(0)) ?? []
  if (others.length > 0 || type?.whole.equals(EXTENSION_REQUEST) !== true || values === undefined) return undefined
  const extensions = readDerElement(values.content, sequence)
  const [san, ...further] = readDer(extensions?.content ?? Buffer.alloc(0)) ?? []
  if (san === undefined || further.length > 0) return undefined
  const names = sansOfExtension(san)
  if (names === undefined || names.some(({ kind }) => kind !== 'dns')) return undefined
  return names.map(({ name }) => name).sort()
}
