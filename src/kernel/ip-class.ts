import ipaddr from 'ipaddr.js'

/** What kind of address it is to connect to. Only `public` is reachable from anywhere. */
export type IpClass = 'public' | 'private' | 'loopback' | 'link_local' | 'metadata' | 'multicast' | 'reserved'

/**
 * Classifies an address by its bytes, never by its text. Whatever embeds an IPv4 address (mapped, compatible, translated,
 * NAT64, 6to4, Teredo) is `reserved`: it would be another way to write the address that it embeds.
 * Sources: IANA special-purpose address registries (RFC 6890), RFC 6052, RFC 3056, RFC 4380; metadata addresses as the
 * clouds document them.
 * @param ip as a resolver or a socket gives it
 */
export function ipClass(ip: string): IpClass {
  const bytes = addressBytes(ip)
  if (bytes === undefined) return 'reserved'
  if (metadata.some((known) => isSame(known, bytes))) return 'metadata'
  const ranges = bytes.length === 4 ? ranges4 : ranges6
  const found = ranges.find(([network, length]) => hasPrefix(bytes, network, length))
  if (found !== undefined) return found[2]
  return bytes.length === 4 || hasPrefix(bytes, globalUnicast, 3) ? 'public' : 'reserved'
}

/** Whether two texts are one address. */
export function isSameAddress(one: string, other: string): boolean {
  const [first, second] = [addressBytes(one), addressBytes(other)]
  return first !== undefined && second !== undefined && isSame(first, second)
}

/** The one text of an address (RFC 5952); undefined for what is no plain address, a zone id included. */
export function canonicalIp(text: string): string | undefined {
  const bytes = addressBytes(text)
  return bytes && ipaddr.fromByteArray([...bytes]).toString()
}

function addressBytes(text: string): readonly number[] | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toByteArray()
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.IPv6.parse(text).toByteArray()
}

type Range = readonly [network: readonly number[], length: number, of: IpClass]

const range = (text: string, of: IpClass): Range => {
  const [address, length] = ipaddr.parseCIDR(text)
  return [address.toByteArray(), length, of]
}

const globalUnicast = ipaddr.parse('2000::').toByteArray()

const metadata = [
  '169.254.169.254',
  '169.254.169.253',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:42::42',
  'fd00:ec2::254',
  'fd00:ec2::253',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fe80::a9fe:a9fe',
].map((text) => ipaddr.parse(text).toByteArray())

const ranges4: readonly Range[] = [
  range('0.0.0.0/8', 'reserved'),
  range('10.0.0.0/8', 'private'),
  range('100.64.0.0/10', 'private'),
  range('127.0.0.0/8', 'loopback'),
  range('169.254.0.0/16', 'link_local'),
  range('172.16.0.0/12', 'private'),
  range('192.0.0.0/24', 'reserved'),
  range('192.0.2.0/24', 'reserved'),
  range('192.31.196.0/24', 'reserved'),
  range('192.52.193.0/24', 'reserved'),
  range('192.88.99.0/24', 'reserved'),
  range('192.168.0.0/16', 'private'),
  range('192.175.48.0/24', 'reserved'),
  range('198.18.0.0/15', 'reserved'),
  range('198.51.100.0/24', 'reserved'),
  range('203.0.113.0/24', 'reserved'),
  range('224.0.0.0/4', 'multicast'),
  range('240.0.0.0/4', 'reserved'),
]

const ranges6: readonly Range[] = [
  range('::1/128', 'loopback'),
  range('fc00::/7', 'private'),
  range('fe80::/10', 'link_local'),
  range('ff00::/8', 'multicast'),
  range('2001::/23', 'reserved'),
  range('2001:db8::/32', 'reserved'),
  range('2002::/16', 'reserved'),
  range('2620:4f:8000::/48', 'reserved'),
  range('3fff::/20', 'reserved'),
]

function hasPrefix(bytes: readonly number[], network: readonly number[], length: number): boolean {
  return bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8))
    const mask = (0xff << (8 - bits)) & 0xff
    return (byte & mask) === ((network[index] ?? 0) & mask)
  })
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}
