import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { shortText } from '../../kernel/bounded-text.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { CertificateFacts } from './certificate.ts'
import { subjectNames } from './subject-names.ts'

/** The longest chain, in bytes of PEM, and in certificates. */
export const chainBytesMax = 65_536
const CHAIN_CERTIFICATES_MAX = 10

const NAME_CHARACTERS = 512
const SANS_MAX = 200
const RSA_BITS_MIN = 2048
const CURVES: { readonly [name: string]: string } = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g
const ENCRYPTED_HEADER = /^Proc-Type: 4,ENCRYPTED/m

/** A chain that was checked link by link. */
export interface Chain {
  readonly leaf: X509Certificate
  readonly facts: CertificateFacts
  /** PEM, leaf first, nothing between the certificates. */
  readonly pem: string
  /** Of the leaf; SPKI, DER. */
  readonly publicKey: Buffer
}

/**
 * Reads a PEM chain: the certificate itself first, then each issuer of the one before.
 * @returns the reason as text when it is anything else
 */
export function readChain(text: string): Result<Chain, string> {
  if (Buffer.byteLength(text) > chainBytesMax) return err(`the chain is longer than ${chainBytesMax} bytes`)
  const blocks = pemBlocks(text)
  if (blocks === undefined) return err('the chain is no PEM: text lies around the certificates, or a block is cut off')
  const other = blocks.find(({ label }) => label !== 'CERTIFICATE')
  if (other !== undefined)
    return err(
      `the chain holds a ${other.label}; it takes certificates only${other.label.endsWith('KEY') ? ', and the key goes into privateKey' : ''}`,
    )
  if (blocks.length === 0) return err('the chain holds no certificate')
  if (blocks.length > CHAIN_CERTIFICATES_MAX)
    return err(`the chain has more than ${CHAIN_CERTIFICATES_MAX} certificates`)
  const certificates: X509Certificate[] = []
  for (const [index, { pem }] of blocks.entries()) {
    const certificate = readCertificate(pem)
    if (certificate === undefined) return err(`certificate ${index + 1} of the chain cannot be read`)
    certificates.push(certificate)
  }
  const broken = certificates.findIndex((certificate, index) => !isIssuedBy(certificate, certificates[index + 1]))
  if (broken >= 0)
    return err(
      `certificate ${broken + 2} of the chain did not issue certificate ${broken + 1}: the leaf comes first, then each issuer in turn`,
    )
  const [leaf] = certificates
  if (leaf === undefined) return err('the chain holds no certificate')
  const facts = factsOf(leaf)
  if (!facts.ok) return facts
  const pem = blocks.map((block) => `${block.pem.trim().replace(/\s*\r?\n\s*/g, '\n')}\n`).join('')
  return ok({ leaf, facts: facts.value, pem, publicKey: leaf.publicKey.export({ type: 'spki', format: 'der' }) })
}

/** @returns why a text is not the one private key of a certificate, or undefined when it is */
export function privateKeyProblem(key: Secret<string>, { leaf }: Chain): string | undefined {
  const text = key.expose()
  if (ENCRYPTED_HEADER.test(text)) return 'privateKey is encrypted: take the passphrase off first'
  const blocks = pemBlocks(text)
  if (blocks === undefined) return 'privateKey is no PEM: text lies around the key, or it is cut off'
  const keys = blocks.filter(({ label }) => label !== 'EC PARAMETERS')
  if (keys.length !== 1) return `privateKey holds ${keys.length} PEM blocks; it takes one key`
  const [{ label, pem } = { label: '', pem: '' }] = keys
  if (label === 'ENCRYPTED PRIVATE KEY') return 'privateKey is encrypted: take the passphrase off first'
  if (!/^((RSA|EC) )?PRIVATE KEY$/.test(label)) return `privateKey holds a ${label}, not a private key`
  const read = readKey(pem)
  if (read === undefined) return 'privateKey cannot be read: an RSA, EC or Ed25519 key in PEM is taken'
  return leaf.checkPrivateKey(read) ? undefined : 'privateKey is not the key of the first certificate'
}

interface PemBlock {
  readonly label: string
  readonly pem: string
}

/** @returns the blocks, or undefined when anything but white space lies between them */
function pemBlocks(text: string): readonly PemBlock[] | undefined {
  const blocks = [...text.matchAll(PEM_BLOCK)].map(([pem, label = '']) => ({ label, pem }))
  return text.replace(PEM_BLOCK, '').trim() === '' ? blocks : undefined
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate | undefined): boolean {
  return issuer === undefined || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
}

function factsOf(leaf: X509Certificate): Result<CertificateFacts, string> {
  const keyType = keyTypeOf(leaf.publicKey)
  if (keyType === undefined)
    return err(
      `the key of the certificate is of no kind that is taken: RSA from ${RSA_BITS_MIN} bits, EC P-256, P-384 or P-521, Ed25519`,
    )
  const names = subjectNames(leaf)
  if (names === undefined) return err('the names of the certificate cannot be read')
  if (names.length > SANS_MAX) return err(`the certificate has more than ${SANS_MAX} names`)
  const [notBefore, notAfter] = [new Date(leaf.validFrom), new Date(leaf.validTo)]
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime()))
    return err('the dates of the certificate cannot be read')
  return ok({
    subject: nameText(leaf.subject),
    sans: names.map(({ name }) => name),
    issuerName: nameText(leaf.issuer),
    serial: leaf.serialNumber,
    fingerprint: leaf.fingerprint256,
    keyType,
    notBefore,
    notAfter,
  })
}

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'ed25519') return 'Ed25519'
  if (asymmetricKeyType === 'ec') {
    const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? '']
    return curve === undefined ? undefined : `EC ${curve}`
  }
  const bits = asymmetricKeyDetails?.modulusLength ?? 0
  return asymmetricKeyType === 'rsa' && bits >= RSA_BITS_MIN ? `RSA ${bits}` : undefined
}

/**
 * On one line. Control characters are escaped by OpenSSL already; an empty name is undefined there. Format characters are seen
 * by no person: they turn text around, or tell a model something.
 */
function nameText(name: string | undefined): string {
  const flat = (name ?? '').replaceAll('\n', ', ').replaceAll('\t', ' ')
  return shortText(flat.replace(/\p{Cf}/gu, '\ufffd'), NAME_CHARACTERS)
}
