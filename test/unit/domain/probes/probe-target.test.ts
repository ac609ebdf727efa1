import { describe, expect, test } from 'vitest'
import { covers, parseProbeTarget } from '../../../../src/domain/probes/probe-target.ts'

describe('a probe target', () => {
  test.each([
    ['edge.example.com:443', { scheme: 'tls', host: 'edge.example.com', port: 443, path: '', isIp: false }],
    ['EDGE.example.com:8443', { scheme: 'tls', host: 'edge.example.com', port: 8443, text: 'edge.example.com:8443' }],
    ['https://edge.example.com', { scheme: 'https', port: 443, path: '/', text: 'https://edge.example.com:443/' }],
    ['https://edge.example.com:8443/health?deep=1', { port: 8443, path: '/health?deep=1' }],
    ['https://127.0.0.1:8443/', { host: '127.0.0.1', isIp: true }],
    ['[::1]:443', { host: '::1', isIp: true, text: '[::1]:443' }],
    ['[2606:4700::1111]:443', { host: '2606:4700::1111', isIp: true }],
    ['localhost:443', { host: 'localhost', isIp: false }],
    ['xn--bcher-kva.example:443', { host: 'xn--bcher-kva.example' }],
  ])('in canonical form is read: %s', (text, expected) => {
    expect(parseProbeTarget(text)).toMatchObject(expected)
  })

  test.each([
    ['decimal', 'https://2130706433/'],
    ['decimal with port', '2130706433:443'],
    ['octal', 'https://0177.0.0.1/'],
    ['octal with port', '0177.0.0.1:443'],
    ['hexadecimal', 'https://0x7f.1/'],
    ['hexadecimal whole', '0x7f000001:443'],
    ['hexadecimal last part', '127.0.0.0x1:443'],
    ['short', '127.1:443'],
    ['zero', 'https://0/'],
    ['leading zeros', '127.000.000.001:443'],
    ['over the range', '127.0.0.256:443'],
    ['five parts', '127.0.0.0.1:443'],
    ['a name that ends in a number', 'example.1:443'],
    ['v4-mapped, dotted', '[::ffff:127.0.0.1]:443'],
    ['v4-mapped, hex', 'https://[::ffff:7f00:1]/'],
    ['v4-compatible', '[::7f00:1]:443'],
    ['v4-translated', '[::ffff:0:7f00:1]:443'],
    ['unspecified', '[::]:443'],
    ['NAT64', '[64:ff9b::a9fe:a9fe]:443'],
    ['local NAT64', '[64:ff9b:1::a9fe:a9fe]:443'],
    ['6to4', '[2002:7f00:1::]:443'],
    ['Teredo', '[2001:0:7f00:1::]:443'],
    ['IPv6 not in its one text', '[0:0:0:0:0:0:0:1]:443'],
    ['zone id', '[fe80::1%eth0]:443'],
    ['user info', 'https://user:pass@example.com/'],
    ['user info that looks like a host', 'https://example.com@169.254.169.254/'],
    ['backslash', 'https://example.com\\@evil.example/'],
    ['encoded host', 'https://%31%32%37.0.0.1/'],
    ['encoded dots', 'https://127%2e0%2e0%2e1/'],
    ['fullwidth digits', 'https://１２７.0.0.1/'],
    ['ideographic dot', 'https://127。0。0。1/'],
    ['soft hyphen', 'local\u00adhost:443'],
    ['Kelvin sign', 'boo\u212a.example:443'],
    ['trailing dot', 'https://example.com./'],
    ['trailing dot with port', 'localhost.:443'],
    ['plain http', 'http://example.com/'],
    ['file', 'file:///etc/passwd'],
    ['gopher', 'gopher://example.com:70/'],
    ['fragment', 'https://example.com/#x'],
    ['no scheme and no port', 'example.com'],
    ['host:port with a path', 'example.com:443/x'],
    ['port 0', 'example.com:0'],
    ['port 65536', 'example.com:65536'],
    ['port with a leading zero', 'example.com:0443'],
    ['space', 'https://exam ple.com/'],
    ['newline', 'example.com:443\n'],
    ['header injection', 'https://example.com/\r\nHost: x'],
    ['empty', ''],
    ['empty label', 'a..b:443'],
    ['label of 64', `${'a'.repeat(64)}.example:443`],
    ['too long', `https://example.com/${'a'.repeat(2048)}`],
  ])('in another form is refused: %s', (_name, text) => {
    expect(parseProbeTarget(text)).toBeUndefined()
  })

  test.each([
    ['edge.example.com:443', 'edge.example.com:443', true],
    ['edge.example.com', 'https://edge.example.com/x', true],
    ['edge.example.com:443', 'edge.example.com:8443', false],
    ['edge.example.com:*', 'edge.example.com:8443', true],
    ['*.example.com:443', 'edge.example.com:443', true],
    ['*.example.com:443', 'a.edge.example.com:443', false],
    ['*.example.com:443', 'example.com:443', false],
    ['edge-*.example.com:443', 'edge-7.example.com:443', true],
    ['a*b*c.example.com:443', 'axbyc.example.com:443', true],
    ['a*b*c.example.com:443', 'axc.example.com:443', false],
    ['ab*ba.example.com:443', 'aba.example.com:443', false],
    ['*:443', 'edge.example.com:443', false],
    ['edge.example.com:443', 'edge.example.com.evil.example:443', false],
    ['edgeXexample.com:443', 'edge.example.com:443', false],
    ['[::1]:443', '[::1]:443', true],
    ['10.0.0.*:443', '10.0.0.7:443', true],
    ['10.0.0.*:443', '10.0.1.7:443', false],
  ])('%s covers %s: %s', (entry, text, expected) => {
    const target = parseProbeTarget(text)
    expect(target && covers(entry, target)).toBe(expected)
  })
})
