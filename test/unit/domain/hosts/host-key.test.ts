import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseHostKey } from '../../../../src/domain/hosts/host-key.ts'

const field = (bytes: Buffer | string) => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
const jwkBytes = (key: KeyObject, name: 'x' | 'y' | 'n' | 'e') =>
  Buffer.from(String(key.export({ format: 'jwk' })[name]), 'base64url')
const line = (type: string, ...fields: (Buffer | string)[]) =>
  `${type} ${Buffer.concat([field(type), ...fields.map(field)]).toString('base64')}`

const ed25519 = line('ssh-ed25519', jwkBytes(generateKeyPairSync('ed25519').publicKey, 'x'))
const ecdsa = (namedCurve: 'P-256' | 'P-384' | 'P-521', name: string) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve })
  return line(
    `ecdsa-sha2-${name}`,
    name,
    Buffer.concat([Buffer.of(4), jwkBytes(publicKey, 'x'), jwkBytes(publicKey, 'y')]),
  )
}
const rsa = (modulusLength: number) => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return line('ssh-rsa', jwkBytes(publicKey, 'e'), Buffer.concat([Buffer.of(0), jwkBytes(publicKey, 'n')]))
}

describe('a host key', () => {
  test.each([
    ['Ed25519', ed25519],
    ['ECDSA P-256', ecdsa('P-256', 'nistp256')],
    ['ECDSA P-384', ecdsa('P-384', 'nistp384')],
    ['ECDSA P-521', ecdsa('P-521', 'nistp521')],
    ['RSA 2048', rsa(2048)],
  ])('of kind %s is kept without its comment', (_, key) => {
    const parsed = parseHostKey(`  ${key}   root@edge 2026\n`)
    expect(parsed).toEqual({ type: key.split(' ')[0], line: key, blob: Buffer.from(key.split(' ')[1] ?? '', 'base64') })
  })

  test.each([
    ['an RSA key of 1024 bits', rsa(1024), '1024 bits'],
    ['a certificate', line('ssh-ed25519-cert-v01@openssh.com', Buffer.alloc(32)), 'certificate'],
    ['a certificate authority', `@cert-authority * ${ed25519}`, 'certificate'],
    ['a host name in front', `edge.example.com ${ed25519}`, 'base64'],
    ['another type in the line', ed25519.replace('ssh-ed25519', 'ssh-rsa'), 'type that the line says'],
    ['a cut-off key', ed25519.slice(0, -8), 'cut off'],
    ['bytes after the key', line('ssh-ed25519', Buffer.alloc(32), Buffer.alloc(1)), 'not an Ed25519 key'],
    ['a short Ed25519 key', line('ssh-ed25519', Buffer.alloc(31)), 'not an Ed25519 key'],
    ['a curve that differs', ecdsa('P-256', 'nistp384'), 'not an ECDSA key'],
    ['a curve nobody knows', line('ecdsa-sha2-nistp999', 'nistp999', Buffer.alloc(65, 4)), 'not an ECDSA key'],
    [
      'DSA',
      line('ssh-dss', Buffer.alloc(128), Buffer.alloc(20), Buffer.alloc(128), Buffer.alloc(128)),
      'not an Ed25519, ECDSA or RSA key',
    ],
    [
      'a security key',
      line('sk-ssh-ed25519@openssh.com', Buffer.alloc(32), 'ssh:'),
      'not an Ed25519, ECDSA or RSA key',
    ],
    ['two lines', `${ed25519}\n${ed25519}`, 'more than one line'],
    ['no key', 'ssh-ed25519', 'cut off'],
    ['nothing', '', 'cut off'],
    ['words', 'please trust this', 'not base64'],
  ])('given as %s is refused with the reason', (_, text, reason) => {
    expect(parseHostKey(text)).toEqual(expect.stringContaining(reason))
  })
})
