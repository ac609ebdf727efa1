import { expect, test } from 'vitest'
import type { Reason } from '../../../src/policy/decision.schema.ts'
import { spokenReason } from '../../../src/policy/speaker.ts'

const reason = (code: string, title = code, visibility: Reason['visibility'] = 'agent'): Reason => ({
  code,
  title,
  visibility,
  severity: 'low',
  rule: 'certlocker.rules.x',
  details: {},
})

test('scope speaks before unknown, unknown before group, group before the rest, and the rest by code', () => {
  const order = ['SCOPE_MISSING', 'RESOURCE_UNKNOWN', 'GROUP_MISMATCH', 'AGENT_SUSPENDED', 'TOKEN_EXPIRED']
  for (const [index, code] of order.entries()) {
    const reasons = order
      .slice(index)
      .toReversed()
      .map((each) => reason(each))
    expect(spokenReason({ reasons }, 'explain').code).toBe(code)
  }
})

test('a title that begins as a denial is the message; another one follows such a beginning', () => {
  const group = reason('GROUP_MISMATCH', 'Access denied. Token is scoped to groups [edge], secret is in [prod]')
  expect(spokenReason({ reasons: [group] }, 'explain').message).toBe(group.title)
  const company = reason('ACME_OFFICE_HOURS', 'Secrets are read in office hours only')
  expect(spokenReason({ reasons: [company] }, 'explain')).toEqual({
    code: 'ACME_OFFICE_HOURS',
    title: 'Secrets are read in office hours only',
    message: 'Access denied. Secrets are read in office hours only',
  })
})

test('a reason for operators never speaks', () => {
  const hidden = reason('SCOPE_SECRET', 'Secret', 'operator')
  expect(spokenReason({ reasons: [hidden, reason('TOKEN_SPENT')] }, 'explain').code).toBe('TOKEN_SPENT')
  expect(spokenReason({ reasons: [hidden] }, 'explain')).toEqual({
    code: 'ACCESS_DENIED',
    title: 'Access denied',
    message: 'Access denied',
  })
})

test('opaque, missing and forbidden are one answer', () => {
  const missing = spokenReason({ reasons: [reason('RESOURCE_UNKNOWN')] }, 'opaque')
  expect(spokenReason({ reasons: [reason('GROUP_MISMATCH')] }, 'opaque')).toEqual(missing)
  expect(missing).toMatchObject({ code: 'ACCESS_DENIED', message: 'Access denied' })
})

test('the order of the reasons is left as it was', () => {
  const reasons = [reason('TOKEN_SPENT'), reason('SCOPE_MISSING')]
  spokenReason({ reasons }, 'explain')
  expect(reasons.map(({ code }) => code)).toEqual(['TOKEN_SPENT', 'SCOPE_MISSING'])
})
