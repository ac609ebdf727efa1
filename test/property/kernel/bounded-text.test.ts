import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainText, unfitness } from '../../../src/kernel/bounded-text.ts'

const anyText = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 40 })

test('plain text is well-formed, has no control character but newline and tab, and stays what it is', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const plain = plainText(text)
      expect(plain.isWellFormed()).toBe(true)
      expect(plain).not.toMatch(/(?![\n\t])\p{Cc}/u)
      expect(plainText(plain)).toBe(plain)
    }),
  )
})

test('whatever JSON holds, unfitness answers; and what it lets through is well-formed', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 20, stringUnit: anyText.filter((unit) => unit.length > 0) }), (value) => {
      if (unfitness(value) === undefined) expect(JSON.stringify(value)).not.toMatch(/\\u(?:d[89a-f]|0000)/u)
    }),
  )
})
