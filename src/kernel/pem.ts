/** DER as text (RFC 7468 section 3): lines of 64 characters. An empty line in it is what OpenSSL does not read. */
export function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
