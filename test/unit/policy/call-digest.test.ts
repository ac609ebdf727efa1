import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { callDigest, maskSensitive } from '../../../src/policy/call-digest.ts'

const key = Buffer.alloc(32, 1)
const call = {
  agentId: 'agt_1',
  tool: 'certlocker_get_secret',
  arguments: { name: 'db', version: 2 },
  resourceId: 'sec_1',
  resourceVersion: 3,
}
const hidden = { type: 'string', 'x-sensitive': true }
const hmac = (canonical: string) =>
  `hmac-sha256:${createHmac('sha256', key).update(`certlocker.argument/v1 ${canonical}`).digest('hex')}`

describe('the digest of a call', () => {
  test('is SHA-256 over the canonical text of what makes the call', () => {
    const text =
      '{"agent":"agt_1","arguments":{"name":"db","version":2},"resource":{"id":"sec_1","version":3},"tool":"certlocker_get_secret"}'
    expect(callDigest(call)).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`)
  })

  test.each([
    ['the agent', { agentId: 'agt_2' }],
    ['the tool', { tool: 'certlocker_use_secret' }],
    ['an argument', { arguments: { name: 'db', version: 1 } }],
    ['an argument left out', { arguments: { name: 'db' } }],
    ['the type of an argument', { arguments: { name: 'db', version: '2' } }],
    ['the resource', { resourceId: 'sec_2' }],
    ['its version', { resourceVersion: 4 }],
  ])('changes with %s', (_, changed) => {
    expect(callDigest({ ...call, ...changed })).not.toBe(callDigest(call))
  })
})

describe('masking', () => {
  test.each<[string, object, object, object]>([
    ['a member', { properties: { value: hidden } }, { name: 'a', value: 'v' }, { name: 'a', value: hmac('"v"') }],
    [
      'a whole subtree',
      { properties: { value: { type: 'object', 'x-sensitive': true } } },
      { value: { b: 1, a: 2 } },
      { value: hmac('{"a":2,"b":1}') },
    ],
    ['items', { properties: { all: { items: hidden } } }, { all: ['a', 'b'] }, { all: [hmac('"a"'), hmac('"b"')] }],
    [
      'one item',
      { properties: { all: { prefixItems: [{}, hidden] } } },
      { all: ['a', 'b'] },
      { all: ['a', hmac('"b"')] },
    ],
    [
      'other members',
      { properties: { a: {} }, additionalProperties: hidden },
      { a: 'a', b: 'b' },
      { a: 'a', b: hmac('"b"') },
    ],
    [
      'members by pattern',
      { patternProperties: { '^s_': hidden } },
      { s_a: 'a', b: 'b' },
      { s_a: hmac('"a"'), b: 'b' },
    ],
    [
      'a branch',
      { anyOf: [{ properties: { a: hidden } }, { properties: { b: {} } }] },
      { a: 'a', b: 'b' },
      { a: hmac('"a"'), b: 'b' },
    ],
    [
      'a branch deep inside',
      { properties: { a: { oneOf: [{ allOf: [{ properties: { b: hidden } }] }] } } },
      { a: { b: 1 } },
      { a: { b: hmac('1') } },
    ],
    ['a consequence', { if: {}, then: { properties: { a: hidden } } }, { a: 'a' }, { a: hmac('"a"') }],
    [
      'a member with a name of objects',
      { properties: { ['__proto__']: {}, value: hidden } },
      JSON.parse('{"__proto__": 1, "value": "v"}'),
      JSON.parse(`{"__proto__": 1, "value": "${hmac('"v"')}"}`),
    ],
    ['nothing where nothing is marked', { properties: { a: { 'x-sensitive': false } } }, { a: 'a' }, { a: 'a' }],
  ])('hides %s', (_, schema, args, masked) => {
    expect(maskSensitive({ ...args }, schema, key)).toEqual(masked)
  })

  test('under another key gives another text, so that none can be guessed from outside', () => {
    const schema = { properties: { value: hidden } }
    expect(maskSensitive({ value: '1234' }, schema, Buffer.alloc(32, 2))).not.toEqual(
      maskSensitive({ value: '1234' }, schema, key),
    )
  })

  test.each(['$ref', '$dynamicRef', 'dependentSchemas', 'unevaluatedProperties'])(
    'refuses a schema with %s, where a mark could hide',
    (keyword) => {
      expect(() => maskSensitive({}, { properties: { a: { [keyword]: '#' } } }, key)).toThrow(TypeError)
    },
  )
})
