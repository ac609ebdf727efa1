import { expect, test } from 'vitest'
import { digestOf, digestOfText } from '../../../src/kernel/digest.ts'

test('a digest names its algorithm and does not depend on the order of members', () => {
  const empty = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
  expect(digestOf({})).toBe(empty)
  expect(digestOf({ a: 1, b: [2] })).toBe(digestOf({ b: [2], a: 1 }))
  expect(digestOf({ a: 1 })).toBe(digestOfText('{"a":1}'))
})
