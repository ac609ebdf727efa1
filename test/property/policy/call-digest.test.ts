import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callDigest, maskSensitive } from '../../../src/policy/call-digest.ts'

const key = Buffer.alloc(32, 7)
const args = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))
const digest = (of: { readonly [name: string]: unknown }) =>
  callDigest({ agentId: 'agt_1', tool: 't', arguments: of, resourceId: 'sec_1', resourceVersion: 1 })

test('the order of members makes no difference', () => {
  fc.assert(
    fc.property(args, (of) => {
      expect(digest(Object.fromEntries(Object.entries(of).toReversed()))).toBe(digest(of))
    }),
  )
})

test('any member that is changed, added or left out makes another digest', () => {
  fc.assert(
    fc.property(args, fc.string(), fc.jsonValue({ maxDepth: 3 }), (of, name, value) => {
      const changed = { ...of, [name]: value }
      fc.pre(JSON.stringify(of[name]) !== JSON.stringify(value) || !Object.hasOwn(of, name))
      expect(digest(changed)).not.toBe(digest(of))
    }),
  )
})

test('no sensitive value is left in the masked arguments, however deep, and equal values stay equal', () => {
  const schema = { additionalProperties: { items: { properties: { inner: { 'x-sensitive': true } } } } }
  const value = fc.string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'GHJKLMNPQRSTUVWXYZ') })
  fc.assert(
    fc.property(fc.string(), value, (name, secret) => {
      const sent = { [name]: [{ inner: secret }, { inner: { nested: [secret] } }] }
      const masked = maskSensitive(sent, schema, key)
      expect(JSON.stringify(Object.values(masked))).not.toContain(secret)
      expect(maskSensitive(structuredClone(sent), schema, key)).toEqual(masked)
    }),
  )
})
