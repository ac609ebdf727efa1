import ipaddr from 'ipaddr.js'

/** A network: addresses that share their first `prefixLength` bits. IPv4-mapped networks are held as IPv4. */
export interface Cidr {
  /** 4 or 16 bytes. */
  readonly network: readonly number[]
  readonly prefixLength: number
  /** The canonical form, for example `10.0.0.0/8` or `2001:db8::/32`. */
  readonly text: string
}

/**
 * Reads a network in CIDR notation (RFC 4632, RFC 4291 section 2.3).
 * @returns undefined for anything but one unambiguous network: octal, hexadecimal or short IPv4 forms, zone ids, a missing
 * prefix length and bits set after the prefix are refused rather than guessed at
 */
export function parseCidr(text: string): Cidr | undefined {
  const [, addressText, lengthText] = /^([0-9A-Fa-f:.]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  if (addressText === undefined || lengthText === undefined) return undefined
  const address = parseAddress(addressText)
  if (address === undefined) return undefined
  const prefixLength = Number(lengthText) - (address.mapped ? MAPPED_BITS : 0)
  const network = address.bytes
  if (prefixLength < 0 || prefixLength > network.length * 8 || hasBitsAfter(network, prefixLength)) return undefined
  return { network, prefixLength, text: `${ipaddr.fromByteArray([...network]).toString()}/${prefixLength}` }
}

/**
 * Says whether an address lies in one of the networks. IPv4-mapped addresses count as IPv4, so `::/0` holds no IPv4 client.
 * @returns false when the address or a network cannot be read
 */
export function inCidrs(ip: string, cidrs: readonly string[]): boolean {
  const address = parseAddress(ip.replace(/%.*$/, ''))
  if (address === undefined) return false
  return cidrs.some((text) => {
    const cidr = parseCidr(text)
    return cidr !== undefined && contains(cidr, address.bytes)
  })
}

/** Whom an address stands for when sources are counted: itself, or the /64 that one IPv6 customer has to himself. */
export function sourceNetwork(ip: string): string {
  const bytes = parseAddress(ip.replace(/%.*$/, ''))?.bytes ?? []
  return bytes.length === 16 ? `${bytes.slice(0, 8).join('.')}/64` : bytes.join('.')
}

/** One address in one form: an IPv4-mapped one is the IPv4 one. Of what is no address, the text itself. */
export function sourceAddress(ip: string): string {
  const bytes = parseAddress(ip.replace(/%.*$/, ''))?.bytes
  return bytes === undefined ? ip : ipaddr.fromByteArray(bytes).toString()
}

const MAPPED_BITS = 96

function parseAddress(text: string): { bytes: number[]; mapped: boolean } | undefined {
  const [, dotted] = /^(?:::ffff:)?([^:]*\.[^:]*)$/i.exec(text) ?? []
  if (dotted !== undefined && !ipaddr.IPv4.isValidFourPartDecimal(dotted)) return undefined
  if (dotted === text) return { bytes: ipaddr.IPv4.parse(text).toByteArray(), mapped: false }
  if ((dotted === undefined && text.includes('.')) || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  const mapped = address.isIPv4MappedAddress()
  return { bytes: (mapped ? address.toIPv4Address() : address).toByteArray(), mapped }
}

function contains({ network, prefixLength }: Cidr, address: readonly number[]): boolean {
  if (address.length !== network.length) return false
  return network.every((byte, index) => {
    const mask = byteMask(prefixLength, index)
    return (byte & mask) === ((address[index] ?? 0) & mask)
  })
}

function hasBitsAfter(network: readonly number[], prefixLength: number): boolean {
  return network.some((byte, index) => (byte & ~byteMask(prefixLength, index) & 0xff) !== 0)
}

function byteMask(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8))
  return (0xff << (8 - bits)) & 0xff
}
