import { describe, expect, test } from 'vitest'
import { apiKeyStatus } from '../../../../src/domain/people/api-key.ts'
import { type Person, reachOf, withChanges } from '../../../../src/domain/people/person.ts'

const ada: Person = {
  id: 'per_1',
  email: 'ada@example.com',
  name: 'Ada',
  role: 'operator',
  groups: ['edge'],
  disabledAt: null,
  createdAt: new Date(0),
  createdBy: 'per_0',
}

describe('a person', () => {
  test('has their own groups, or every group as an admin', () => {
    expect(reachOf(ada)).toEqual(['edge'])
    expect(reachOf({ ...ada, role: 'admin' })).toBe('every')
  })

  test('keeps what a change leaves out', () => {
    expect(withChanges(ada, { name: 'Ada L.' }, ada.groups, new Date(5))).toEqual({ ...ada, name: 'Ada L.' })
  })

  test('is disabled at the first time, and enabled again', () => {
    const disabled = withChanges(ada, { disabled: true }, ada.groups, new Date(5))
    expect(disabled.disabledAt).toEqual(new Date(5))
    expect(withChanges(disabled, { disabled: true }, ada.groups, new Date(9)).disabledAt).toEqual(new Date(5))
    expect(withChanges(disabled, { name: 'A' }, ada.groups, new Date(9)).disabledAt).toEqual(new Date(5))
    expect(withChanges(disabled, { disabled: false }, ada.groups, new Date(9)).disabledAt).toBeNull()
  })
})

describe('the status of an API key', () => {
  const key = {
    id: 'key_1',
    personId: 'per_1',
    person: ada.email,
    name: 'ci',
    prefix: 'clk_api_1234',
    expiresAt: new Date(1000),
    createdAt: new Date(0),
    createdBy: 'per_0',
    minters: ['per_0'],
  }

  test('is what the clock and its revocation say', () => {
    expect(apiKeyStatus({ ...key, revokedAt: null }, 999)).toBe('active')
    expect(apiKeyStatus({ ...key, revokedAt: null }, 1000)).toBe('expired')
    expect(apiKeyStatus({ ...key, revokedAt: new Date(1) }, 1000)).toBe('revoked')
  })
})
