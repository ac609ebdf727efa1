import { createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { SshReader, sshString, sshUint32, sshUint64 } from '../../kernel/ssh-wire.ts'

const CERTIFICATE_TYPE = 'ssh-ed25519-cert-v01@openssh.com'
const KEY_TYPE = 'ssh-ed25519'
const USER = 1
const NONCE_BYTES = 32
const ED25519_KEY_BYTES = 32
/** What stands before the 32 bytes of an Ed25519 key in SPKI (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** An OpenSSH user certificate for an Ed25519 key (PROTOCOL.certkeys of OpenSSH). Times are seconds since the Unix epoch. */
export interface UserCertificate {
  /** The 32 bytes of the certified Ed25519 key. */
  readonly publicKey: Buffer
  readonly serial: bigint
  /** What the target writes into its own log: the id of our session. */
  readonly keyId: string
  /** Accounts that it is good for. An empty list would be good for every one. */
  readonly principals: readonly string[]
  readonly validAfter: number
  /** The first moment at which it is no longer good. */
  readonly validBefore: number
  readonly criticalOptions: Readonly<Record<string, string>>
  /** Names of what it permits beyond running one command, `permit-pty`. */
  readonly extensions: readonly string[]
}

/** A certificate as it was read, and who signed it. */
export interface ReadUserCertificate extends UserCertificate {
  /** The blob of the CA's key. */
  readonly signedBy: Buffer
}

/** @returns the certificate as an OpenSSH line, signed with the CA's Ed25519 key */
export function signUserCertificate(certificate: UserCertificate, caKey: KeyObject): string {
  const body = Buffer.concat([
    sshString(CERTIFICATE_TYPE),
    sshString(randomBytes(NONCE_BYTES)),
    sshString(certificate.publicKey),
    sshUint64(certificate.serial),
    sshUint32(USER),
    sshString(certificate.keyId),
    sshString(Buffer.concat(certificate.principals.map(sshString))),
    sshUint64(BigInt(certificate.validAfter)),
    sshUint64(BigInt(certificate.validBefore)),
    sshString(options(certificate.criticalOptions)),
    sshString(options(Object.fromEntries(certificate.extensions.map((name) => [name, ''])))),
    sshString(''),
    sshString(ed25519Blob(caKey)),
  ])
  const signature = Buffer.concat([sshString(KEY_TYPE), sshString(sign(null, body, caKey))])
  return `${CERTIFICATE_TYPE} ${Buffer.concat([body, sshString(signature)]).toString('base64')}`
}

/**
 * Reads a user certificate and checks its signature, where an Ed25519 key made it.
 * @returns undefined for anything but one whole user certificate of an Ed25519 key
 */
export function readUserCertificate(line: string): ReadUserCertificate | undefined {
  const [type, base64 = ''] = line.trim().split(/\s+/)
  const blob = Buffer.from(base64, 'base64')
  const reader = new SshReader(blob)
  if (type !== CERTIFICATE_TYPE || reader.string().toString() !== type) return undefined
  reader.string()
  const publicKey = reader.string()
  const serial = reader.uint64()
  const kind = reader.uint32()
  const keyId = reader.string().toString()
  const principals = strings(reader.string())
  const [validAfter, validBefore] = [Number(reader.uint64()), Number(reader.uint64())]
  const criticalOptions = readOptions(reader.string())
  const extensions = Object.keys(readOptions(reader.string()))
  reader.string()
  const signedBy = reader.string()
  const signed = blob.subarray(0, reader.offset)
  const signature = reader.string()
  if (!reader.isWhole || kind !== USER || publicKey.length !== ED25519_KEY_BYTES) return undefined
  if (!isSigned(signed, signature, signedBy)) return undefined
  return { publicKey, serial, keyId, principals, validAfter, validBefore, criticalOptions, extensions, signedBy }
}

/** @returns the public half of an Ed25519 key as an OpenSSH line without comment */
export function ed25519Line(key: KeyObject): string {
  return `${KEY_TYPE} ${ed25519Blob(key).toString('base64')}`
}

/** @returns the 32 bytes of the key in an OpenSSH line; undefined when it holds no Ed25519 key */
export function ed25519KeyOf(line: string): Buffer | undefined {
  return rawKey(Buffer.from(line.trim().split(/\s+/)[1] ?? '', 'base64'))
}

function ed25519Blob(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-ED25519_KEY_BYTES)
  return Buffer.concat([sshString(KEY_TYPE), sshString(raw)])
}

function rawKey(blob: Buffer): Buffer | undefined {
  const reader = new SshReader(blob)
  const [type, raw] = [reader.string().toString(), reader.string()]
  return type === KEY_TYPE && raw.length === ED25519_KEY_BYTES && reader.isWhole ? raw : undefined
}

/** A CA of another algorithm cannot be checked here; the host that trusts it checks it. */
function isSigned(signed: Buffer, signature: Buffer, signedBy: Buffer): boolean {
  const raw = rawKey(signedBy)
  if (raw === undefined) return /^(ssh-rsa|ecdsa-sha2-nistp\d+)$/.test(new SshReader(signedBy).string().toString())
  const reader = new SshReader(signature)
  const [type, bytes] = [reader.string().toString(), reader.string()]
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
  return type === KEY_TYPE && reader.isWhole && verify(null, signed, key, bytes)
}

function options(of: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(of).sort()
  return Buffer.concat(
    names.flatMap((name) => {
      const value = of[name] ?? ''
      return [sshString(name), sshString(value === '' ? '' : sshString(value))]
    }),
  )
}

function readOptions(bytes: Buffer): Record<string, string> {
  const reader = new SshReader(bytes)
  const read: Record<string, string> = {}
  while (!reader.isAtEnd) {
    const name = reader.string().toString()
    read[name] = new SshReader(reader.string()).string().toString()
  }
  return read
}

function strings(bytes: Buffer): readonly string[] {
  const reader = new SshReader(bytes)
  const read: string[] = []
  while (!reader.isAtEnd) read.push(reader.string().toString())
  return read
}
