import { describe, expect, test } from 'vitest'
import { tokenStatus } from '../../../../src/domain/tokens/token.ts'
import { tokenFacts } from '../../../support/token-facts.ts'

describe('the status of a token', () => {
  const expiresAt = new Date(1000)
  const spending = { at: new Date(500), callDigest: 'sha256:1', keyDigest: null }

  test.each([
    ['active until it expires', {}, 999, 'active'],
    ['expired from that very millisecond', {}, 1000, 'expired'],
    ['expired when it was not rotated in time', { usableUntil: new Date(700) }, 700, 'expired'],
    ['revoked', { revokedAt: new Date(500) }, 999, 'revoked'],
    ['revoked, also after it would have expired', { revokedAt: new Date(500) }, 1001, 'revoked'],
    ['revoked, also after it was rotated', { revokedAt: new Date(500), rotatedAt: new Date(400) }, 999, 'revoked'],
    [
      'rotated, as soon as it has a successor',
      { rotatedAt: new Date(500), usableUntil: new Date(600) },
      500,
      'rotated',
    ],
    ['rotated, also after its overlap', { rotatedAt: new Date(500), usableUntil: new Date(600) }, 601, 'rotated'],
    ['spent', { singleUse: true, spending }, 999, 'spent'],
    ['spent, also after it expired', { singleUse: true, spending }, 1001, 'spent'],
  ])('is %s', (_, facts, now, status) => {
    expect(tokenStatus(tokenFacts({ expiresAt, ...facts }), now)).toBe(status)
  })
})
