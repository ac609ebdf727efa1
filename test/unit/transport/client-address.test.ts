import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientAddress } from '../../../src/transport/http/client-address.ts'

const proxies = ['10.0.0.0/8', 'fd00::/8']

describe('the client address', () => {
  test.each([
    {
      says: 'is the peer when no proxy is trusted',
      peer: '203.0.113.9',
      header: '198.51.100.1',
      trusted: [],
      expected: '203.0.113.9',
    },
    {
      says: 'is the peer when the peer is no proxy',
      peer: '203.0.113.9',
      header: '198.51.100.1',
      trusted: proxies,
      expected: '203.0.113.9',
    },
    {
      says: 'is the right-most hop behind a trusted proxy',
      peer: '10.0.0.1',
      header: '6.6.6.6, 198.51.100.1',
      trusted: proxies,
      expected: '198.51.100.1',
    },
    {
      says: 'skips a chain of trusted proxies',
      peer: '10.0.0.1',
      header: '6.6.6.6, 198.51.100.1, 10.0.0.3, 10.0.0.2',
      trusted: proxies,
      expected: '198.51.100.1',
    },
    {
      says: 'is the first hop when all are trusted',
      peer: '10.0.0.1',
      header: '10.0.0.3, 10.0.0.2',
      trusted: proxies,
      expected: '10.0.0.3',
    },
    {
      says: 'is the proxy itself when it sends no header',
      peer: '10.0.0.1',
      header: undefined,
      trusted: proxies,
      expected: '10.0.0.1',
    },
    {
      says: 'is unknown at a hop that is no address',
      peer: '10.0.0.1',
      header: '198.51.100.1, unknown',
      trusted: proxies,
      expected: '',
    },
    {
      says: 'is unknown at an octal form, which programs read differently',
      peer: '10.0.0.1',
      header: '010.1.2.3',
      trusted: proxies,
      expected: '',
    },
    {
      says: 'takes a hop with a port',
      peer: '10.0.0.1',
      header: '198.51.100.1:4711',
      trusted: proxies,
      expected: '198.51.100.1',
    },
    {
      says: 'takes an IPv6 hop with a port',
      peer: '10.0.0.1',
      header: '[2001:DB8:0:0::1]:4711',
      trusted: proxies,
      expected: '2001:db8::1',
    },
    {
      says: 'is IPv4 for an IPv4-mapped peer',
      peer: '::ffff:203.0.113.9',
      header: undefined,
      trusted: [],
      expected: '203.0.113.9',
    },
    {
      says: 'trusts an IPv4-mapped proxy as IPv4',
      peer: '::ffff:10.0.0.1',
      header: '::ffff:198.51.100.1',
      trusted: proxies,
      expected: '198.51.100.1',
    },
    {
      says: 'is the untrusted hop between trusted ones: what that hop claims is not looked at',
      peer: '10.0.0.1',
      header: '10.0.0.9, 203.0.113.9, 10.0.0.2',
      trusted: proxies,
      expected: '203.0.113.9',
    },
    {
      says: 'is the hop of the last of several headers, which come joined',
      peer: '10.0.0.1',
      header: '10.0.0.9,  198.51.100.1,\t203.0.113.9 ',
      trusted: proxies,
      expected: '203.0.113.9',
    },
    {
      says: 'is IPv4 for a mapped hop in hexadecimal',
      peer: 'fd00::1',
      header: '::ffff:c633:6401',
      trusted: proxies,
      expected: '198.51.100.1',
    },
    {
      says: 'is the hop of an IPv6 proxy',
      peer: 'fd00::1',
      header: '2001:db8::7',
      trusted: proxies,
      expected: '2001:db8::7',
    },
    ...['', ' ', ',', '198.51.100.1,', '198.51.100.1, ,', '"198.51.100.1"', '198.51.100.1:port', '198.51.100'].map(
      (header) => ({
        says: `is unknown when the last hop cannot be read: ${JSON.stringify(header)}`,
        peer: '10.0.0.1',
        header,
        trusted: proxies,
        expected: '',
      }),
    ),
    ...['0x7f.1', '127.1', '2130706433', '::ffff:010.0.0.1', '[::1', '1.2.3.4.5', '1.2.3.4/8', 'localhost'].map(
      (hop) => ({
        says: `is unknown at ${hop}, which is not one address to everybody`,
        peer: '10.0.0.1',
        header: `198.51.100.1, ${hop}`,
        trusted: proxies,
        expected: '',
      }),
    ),
    {
      says: 'is unknown at such a hop further on, behind two proxies',
      peer: '10.0.0.1',
      header: '198.51.100.1, unknown, 10.0.0.2',
      trusted: proxies,
      expected: '',
    },
    { says: 'has no zone', peer: 'fe80::1%eth0', header: undefined, trusted: [], expected: 'fe80::1' },
    {
      says: 'is empty when the peer has none',
      peer: undefined,
      header: '198.51.100.1',
      trusted: proxies,
      expected: '',
    },
  ])('$says', ({ peer, header, trusted, expected }) => {
    expect(clientAddress(peer, header, trusted)).toBe(expected)
  })

  test('of a direct client does not depend on what it claims', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.string(), (peer, claim) => {
        fc.pre(!peer.startsWith('10.'))
        expect(clientAddress(peer, claim, proxies)).toBe(peer)
      }),
    )
  })

  test('behind a proxy does not depend on what stands left of the hop that the proxy wrote', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.string(), fc.ipV4(), (client, claim, last) => {
        fc.pre(!client.startsWith('10.'))
        const seen = clientAddress('10.9.9.9', `${claim},${client}`, proxies)
        expect(seen).toBe(client)
        expect(clientAddress('10.9.9.9', `${last},${claim},${client}`, proxies)).toBe(seen)
      }),
    )
  })
})
