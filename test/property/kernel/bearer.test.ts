import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isBearer, mintBearer } from '../../../src/kernel/bearer.ts'

const ALPHABET = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']

test('changing any one character of a bearer is noticed without looking it up', () => {
  fc.assert(
    fc.property(fc.nat(48), fc.constantFrom(...ALPHABET), (position, replacement) => {
      const value = mintBearer('clk_mcp').value.expose()
      const index = 'clk_mcp_'.length + position
      fc.pre(value[index] !== replacement)
      expect(isBearer('clk_mcp', `${value.slice(0, index)}${replacement}${value.slice(index + 1)}`)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('exchanging two neighbours of a bearer is noticed', () => {
  fc.assert(
    fc.property(fc.nat(47), (position) => {
      const value = mintBearer('clk_api').value.expose()
      const index = 'clk_api_'.length + position
      const [left = '', right = ''] = value.slice(index, index + 2)
      fc.pre(left !== right)
      expect(isBearer('clk_api', value.slice(0, index) + right + left + value.slice(index + 2))).toBe(false)
    }),
    { numRuns: 1000 },
  )
})
