import { expect, test } from 'vitest'
import { isKnownObligation } from '../../../src/policy/obligations.ts'

const whole = {
  max_ttl_seconds: { seconds: 60 },
  redact_result: { pointers: ['/value', '/a~1b/0', ''] },
  max_result_bytes: { bytes: 0 },
  rate_limit: { key: 'agent', calls: 10, seconds: 60 },
  record: { level: 'full' },
  use_only: {},
  notify: { channels: ['security'] },
  suspend_agent: { reason: 'Too many denied names' },
}

test.each(Object.entries(whole))('%s is known, and malformed with a member too many', (type, properties) => {
  expect(isKnownObligation({ type, properties })).toBe(true)
  expect(isKnownObligation({ type, properties: { ...properties, more: 1 } })).toBe(false)
})

test.each<[string, object]>([
  ['max_ttl_seconds', { seconds: 0 }],
  ['max_ttl_seconds', {}],
  ['redact_result', { pointers: ['value'] }],
  ['redact_result', { pointers: ['/a~2'] }],
  ['redact_result', { pointers: [] }],
  ['max_result_bytes', { bytes: -1 }],
  ['rate_limit', { key: 'agent', calls: 1.5, seconds: 60 }],
  ['record', { level: 'loud' }],
  ['notify', { channels: [''] }],
  ['suspend_agent', { reason: 1 }],
  ['toString', {}],
])('%s with %o is not one the gateway knows', (type, properties) => {
  expect(isKnownObligation({ type, properties: { ...properties } })).toBe(false)
})

test('an agent is suspended also where the policy gives no words for it', () => {
  expect(isKnownObligation({ type: 'suspend_agent', properties: {} })).toBe(true)
})
