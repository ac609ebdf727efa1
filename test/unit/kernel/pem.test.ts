import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { pemOf } from '../../../src/kernel/pem.ts'

describe('PEM', () => {
  test('is what OpenSSL writes', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const der = publicKey.export({ type: 'spki', format: 'der' })
    expect(pemOf('PUBLIC KEY', der)).toBe(publicKey.export({ type: 'spki', format: 'pem' }))
  })

  test('of whole lines has no empty one', () => {
    expect(pemOf('X', Buffer.alloc(96))).toBe(
      `-----BEGIN X-----\n${'A'.repeat(64)}\n${'A'.repeat(64)}\n-----END X-----\n`,
    )
  })
})
