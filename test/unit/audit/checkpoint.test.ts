import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openCheckpoint, signCheckpoint, verifierKey } from '../../../src/domain/audit/checkpoint.ts'

const root = Buffer.alloc(32, 7)
const key = { origin: 'certlocker/main', ...generateKeyPairSync('ed25519') }
const signed = signCheckpoint(key, { size: 42, root })

describe('a signed checkpoint', () => {
  test('is a C2SP note: origin, size, root, an empty line, and the signature line', () => {
    expect(signed).toMatch(
      /^certlocker\/main\n42\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n— certlocker\/main [A-Za-z0-9+/]+={0,2}\n$/u,
    )
    expect(openCheckpoint(signed, key)).toEqual({ origin: 'certlocker/main', size: 42, root })
  })

  test('names its key as the example of golang.org/x/mod/sumdb/note does', () => {
    const raw = Buffer.from('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'base64').subarray(1)
    const publicKey = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
      format: 'jwk',
    })
    expect(verifierKey({ origin: 'PeterNeumann', publicKey })).toBe(
      'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    )
  })

  test('fails with any character changed', () => {
    for (let position = 0; position < signed.length; position++) {
      const other = signed[position] === 'B' ? 'C' : 'B'
      const changed = signed.slice(0, position) + other + signed.slice(position + 1)
      expect(openCheckpoint(changed, key), changed).toBeUndefined()
    }
  })

  test('fails with another key, another origin, and without a signature', () => {
    const other = { ...generateKeyPairSync('ed25519'), origin: key.origin }
    expect(openCheckpoint(signed, other)).toBeUndefined()
    expect(openCheckpoint(signed, { ...key, origin: 'certlocker/other' })).toBeUndefined()
    expect(openCheckpoint(signed.slice(0, signed.indexOf('—')), key)).toBeUndefined()
    expect(openCheckpoint('', key)).toBeUndefined()
  })

  test('is not confused by signatures of witnesses beside its own, nor content with only theirs', () => {
    const witness = signCheckpoint({ ...generateKeyPairSync('ed25519'), origin: 'witness' }, { size: 42, root })
      .split('\n')
      .at(-2)
    expect(openCheckpoint(`${signed}${witness}\n`, key)).toBeDefined()
    expect(openCheckpoint(signed.replace(/— .*\n/u, `${witness}\n`), key)).toBeUndefined()
  })

  test('holds a size and a root even when the key signed something else', () => {
    for (const other of [
      signCheckpoint(key, { size: 0, root }),
      signCheckpoint(key, { size: 1, root: Buffer.alloc(31) }),
    ]) {
      expect(openCheckpoint(other, key)).toBeUndefined()
    }
  })
})
