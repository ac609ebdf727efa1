import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSpent, repeatableForMs, spendingActions, wouldSpend } from '../../../../src/domain/tokens/spending.ts'
import { tokenFacts } from '../../../support/token-facts.ts'

const spentAt = 1_000_000
const call = { callDigest: 'sha256:call', keyDigest: 'sha256:key' }
const spent = tokenFacts({ singleUse: true, spending: { at: new Date(spentAt), ...call } })

describe('a token for single use', () => {
  test.each([
    ['unspent, by a read', tokenFacts({ singleUse: true }), 'secret.read', true],
    ['unspent, by a list', tokenFacts({ singleUse: true }), 'host.list', false],
    ['spent', spent, 'secret.read', false],
    ['for any use', tokenFacts(), 'secret.read', false],
  ])('that is %s (%#) is bound by an allowed call: %4$s', (_, token, action, expected) => {
    expect(wouldSpend(token, action)).toBe(expected)
  })

  test.each([
    ['the same call at once', call, 0, false],
    ['the same call in the last moment', call, repeatableForMs - 1, false],
    ['the same call too late', call, repeatableForMs, true],
    ['another call with the key', { ...call, callDigest: 'sha256:other' }, 1, true],
    ['the same call with another key', { ...call, keyDigest: 'sha256:other' }, 1, true],
    ['the same call without a key', { ...call, keyDigest: null }, 1, true],
  ])('is spent for %s: %4$s', (_, asked, afterMs, expected) => {
    expect(isSpent(spent, asked, spentAt + afterMs)).toBe(expected)
  })

  test('whose call came without a key is spent for every call', () => {
    const keyless = { singleUse: true, spending: { at: new Date(spentAt), ...call, keyDigest: null } }
    fc.assert(
      fc.property(fc.option(fc.string()), fc.integer({ min: 0 }), (keyDigest, afterMs) => {
        expect(isSpent(keyless, { ...call, keyDigest }, spentAt + afterMs)).toBe(true)
      }),
    )
  })

  test('is spent on exactly the actions that the policy refuses to a spent one', () => {
    const rule = readFileSync('policies/certlocker/rules/token/token.rego', 'utf8')
    const [, listed = ''] = /^_spending := \{(.*?)\}/ms.exec(rule) ?? []
    expect([...listed.matchAll(/"([^"]+)"/g)].map(([, action]) => action).sort()).toEqual([...spendingActions].sort())
  })
})
