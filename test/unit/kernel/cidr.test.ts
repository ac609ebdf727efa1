import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inCidrs, parseCidr } from '../../../src/kernel/cidr.ts'

const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
const dotted = (bytes: readonly number[]) => bytes.join('.')

/** The network of an address, by arithmetic on whole numbers: a second way to the same answer. */
function networkOf(bytes: readonly number[], prefixLength: number): string {
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const size = 2 ** (32 - prefixLength)
  const first = Math.floor(address / size) * size
  return dotted([24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256))
}

describe('a network in CIDR notation', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.7/32', '192.0.2.7/32'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::1/128', '::1/128'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:a00:0/104', '10.0.0.0/8'],
  ])('%s is read as %s', (text, canonical) => {
    expect(parseCidr(text)?.text).toBe(canonical)
  })

  test.each([
    ['no prefix length', '10.0.0.0'],
    ['a short form', '10/8'],
    ['an octal form', '010.0.0.0/8'],
    ['a hexadecimal form', '0x0a.0.0.0/8'],
    ['an octal form inside IPv6', '::ffff:010.0.0.0/104'],
    ['an IPv4-compatible IPv6 address', '::10.0.0.0/104'],
    ['bits after the prefix', '10.0.0.1/8'],
    ['bits after the prefix in IPv6', '2001:db8::1/32'],
    ['a mapped prefix that is not all IPv4', '::ffff:0.0.0.0/90'],
    ['one bit too many', '10.0.0.0/33'],
    ['one bit too many in IPv6', '::1/129'],
    ['a zone', 'fe80::%eth0/64'],
    ['a leading zero in the length', '10.0.0.0/08'],
    ['white space', ' 10.0.0.0/8'],
    ['a trailing newline', '10.0.0.0/8\n'],
    ['nothing', ''],
    ['a name', 'localhost/8'],
  ])('with %s is refused', (_, text) => {
    expect(parseCidr(text)).toBeUndefined()
  })

  test('holds exactly the addresses that share its prefix', () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.nat(32), (member, other, prefixLength) => {
        const cidr = `${networkOf(member, prefixLength)}/${prefixLength}`
        expect(inCidrs(dotted(member), [cidr])).toBe(true)
        expect(inCidrs(dotted(other), [cidr])).toBe(networkOf(other, prefixLength) === networkOf(member, prefixLength))
      }),
    )
  })

  test('treats an IPv4-mapped address as the IPv4 address it is', () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.nat(32), (network, address, prefixLength) => {
        const cidr = `${networkOf(network, prefixLength)}/${prefixLength}`
        expect(inCidrs(`::ffff:${dotted(address)}`, [cidr])).toBe(inCidrs(dotted(address), [cidr]))
      }),
    )
  })

  test('reads its own canonical form to the same network', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(128), (bytes, prefixLength) => {
        const groups = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => {
          const value = (bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0)
          const kept = Math.min(16, Math.max(0, prefixLength - index * 16))
          return (Math.floor(value / 2 ** (16 - kept)) * 2 ** (16 - kept)).toString(16)
        })
        const cidr = parseCidr(`${groups.join(':')}/${prefixLength}`)
        expect(cidr && parseCidr(cidr.text)).toEqual(cidr)
        expect(groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff' || cidr !== undefined).toBe(true)
      }),
    )
  })
})

describe('an address', () => {
  test.each([
    ['10.1.2.3', ['192.0.2.0/24', '10.0.0.0/8'], true],
    ['10.1.2.3', ['192.0.2.0/24'], false],
    ['10.1.2.3', ['::/0'], false],
    ['2001:db8::5', ['0.0.0.0/0'], false],
    ['2001:db8::5', ['2001:db8::/32'], true],
    ['fe80::1%eth0', ['fe80::/10'], true],
    ['10.1.2.3', [], false],
  ])('%s in %j: %s', (ip, cidrs, expected) => {
    expect(inCidrs(ip, cidrs)).toBe(expected)
  })

  test.each(['', 'unknown', '010.1.2.3', '10.1.2', '10.1.2.3, 10.1.2.4', '10.1.2.3:80'])(
    'that cannot be read (%j) is in no network',
    (ip) => {
      expect(inCidrs(ip, ['0.0.0.0/0', '::/0'])).toBe(false)
    },
  )

  test('is in no network that cannot be read', () => {
    expect(inCidrs('10.1.2.3', ['10.1.2.3', 'everything'])).toBe(false)
  })
})
