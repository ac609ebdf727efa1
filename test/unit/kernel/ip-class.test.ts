import { expect, test } from 'vitest'
import { canonicalIp, ipClass, isSameAddress } from '../../../src/kernel/ip-class.ts'

test.each([
  ['public', ['1.1.1.1', '8.8.8.8', '172.15.255.255', '172.32.0.0', '100.63.255.255', '223.255.255.255']],
  ['public', ['2606:4700:4700::1111', '2a00::1', '2001:200::1']],
  ['loopback', ['127.0.0.1', '127.255.255.255', '::1']],
  ['private', ['10.0.0.1', '172.16.0.0', '172.31.255.255', '192.168.0.1', '100.64.0.1', 'fc00::1', 'fdff::1']],
  ['link_local', ['169.254.0.1', '169.254.255.255', 'fe80::1', 'febf::1']],
  ['metadata', ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192']],
  ['metadata', ['fd00:42::42', 'fd00:ec2::254', 'fd20:ce::254', 'fe80::a9fe:a9fe']],
  ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1']],
  ['reserved', ['0.0.0.0', '0.1.2.3', '192.0.2.7', '198.18.0.1', '198.51.100.1', '203.0.113.9', '240.0.0.1']],
  ['reserved', ['255.255.255.255', '::', '::ffff:127.0.0.1', '::ffff:1.1.1.1', '::7f00:1', '64:ff9b::7f00:1']],
  ['reserved', ['64:ff9b:1::1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', '100::1', '5f00::1', 'fec0::1']],
  ['reserved', ['not an address', '127.1', '2130706433', '0x7f.0.0.1', 'fe80::1%eth0', '']],
])('these are %s: %s', (expected, addresses) => {
  expect(addresses.map((ip) => [ip, ipClass(ip)])).toEqual(addresses.map((ip) => [ip, expected]))
})

test('an address is compared by its bytes and written in one way', () => {
  expect(isSameAddress('::1', '0:0:0:0:0:0:0:1')).toBe(true)
  expect(isSameAddress('::ffff:10.0.0.1', '10.0.0.1')).toBe(false)
  expect(isSameAddress('x', 'x')).toBe(false)
  expect(canonicalIp('2001:DB8:0:0::1')).toBe('2001:db8::1')
  expect(canonicalIp('010.0.0.1')).toBeUndefined()
})
