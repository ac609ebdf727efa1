const ECDSA_POINT_BYTES: { readonly [curve: string]: number } = { nistp256: 65, nistp384: 97, nistp521: 133 }
const ED25519_KEY_BYTES = 32
const RSA_BITS_MIN = 2048
const RSA_BITS_MAX = 16_384

/** A host's pinned public key. */
export interface HostKey {
  readonly type: string
  /** The line as it is kept: type and base64 of the key blob, without comment. */
  readonly line: string
  /** The key blob (RFC 4253 section 6.6), as the host presents it. */
  readonly blob: Buffer
}

/**
 * Reads one OpenSSH public key line, `type base64 [comment]`: Ed25519 (RFC 8709), ECDSA on a NIST curve (RFC 5656) or RSA
 * (RFC 4253) of at least 2048 bits. The whole blob is parsed, so that a truncated paste is noticed now and not at the first
 * connection.
 * @returns the reason as text when the line is anything else; a certificate is refused, because a pin must not follow an issuer
 */
export function parseHostKey(line: string): HostKey | string {
  const [type = '', base64 = ''] = line.trim().split(/[ \t]+/)
  if (/[\r\n]/.test(line.trim())) return 'more than one line'
  if (type.startsWith('@') || type.includes('-cert-v0')) return 'a certificate or certificate authority, not a host key'
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return 'the key is not base64'
  const blob = Buffer.from(base64, 'base64')
  const fields = sshFields(blob)
  if (fields === undefined || fields[0]?.toString('latin1') !== type)
    return 'the key is cut off or is not of the type that the line says'
  const reason = unfit(type, fields.slice(1))
  return reason ?? { type, line: `${type} ${blob.toString('base64')}`, blob }
}

function unfit(type: string, fields: readonly Buffer[]): string | undefined {
  if (type === 'ssh-ed25519')
    return fields.length === 1 && fields[0]?.length === ED25519_KEY_BYTES ? undefined : 'not an Ed25519 key'
  if (type === 'ssh-rsa') return unfitRsa(fields)
  const [, curve] = /^ecdsa-sha2-(nistp\d+)$/.exec(type) ?? []
  if (curve !== undefined) return isEcdsa(curve, fields) ? undefined : 'not an ECDSA key'
  return 'not an Ed25519, ECDSA or RSA key'
}

function isEcdsa(curve: string, fields: readonly Buffer[]): boolean {
  const [name, point] = fields
  return (
    fields.length === 2 &&
    name?.toString('latin1') === curve &&
    point?.length === ECDSA_POINT_BYTES[curve] &&
    point?.[0] === 4
  )
}

function unfitRsa(fields: readonly Buffer[]): string | undefined {
  const [exponent, modulus] = fields
  if (fields.length !== 2 || exponent === undefined || modulus === undefined || exponent.length === 0)
    return 'not an RSA key'
  const bits = bitLength(modulus)
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
    return `an RSA key of ${bits} bits; ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are accepted`
  return undefined
}

function bitLength(mpint: Buffer): number {
  const first = mpint.findIndex((byte) => byte !== 0)
  return first === -1 ? 0 : (mpint.length - first) * 8 - Math.clz32(mpint[first] ?? 0) + 24
}

/** The length-prefixed fields of a blob, or undefined when they do not fill it exactly. */
function sshFields(blob: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = []
  let offset = 0
  while (offset < blob.length) {
    if (offset + 4 > blob.length) return undefined
    const end = offset + 4 + blob.readUInt32BE(offset)
    if (end > blob.length) return undefined
    fields.push(blob.subarray(offset + 4, end))
    offset = end
  }
  return fields
}
