import { describe, expect, test } from 'vitest'
import { tokenStatus } from '../../../../src/domain/tokens/token.ts'

describe('the status of a token', () => {
  const expiresAt = new Date(1000)

  test.each([
    ['active until it expires', null, 999, 'active'],
    ['expired from that very millisecond', null, 1000, 'expired'],
    ['revoked', new Date(500), 999, 'revoked'],
    ['revoked, also after it would have expired', new Date(500), 1001, 'revoked'],
  ])('is %s', (_, revokedAt, now, status) => {
    expect(tokenStatus({ revokedAt, expiresAt }, now)).toBe(status)
  })
})
