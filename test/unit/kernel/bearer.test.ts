import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { bearerHash, isBearer, mintBearer } from '../../../src/kernel/bearer.ts'

const kinds = ['clk_mcp', 'clk_api', 'clk_ssh'] as const

describe('a minted bearer', () => {
  test.each(kinds)('of kind %s can be found by a secret scanner', (kind) => {
    expect(mintBearer(kind).value.expose()).toMatch(new RegExp(`^${kind}_[0-9A-Za-z]{49}$`, 'u'))
  })

  test.each(kinds)('of kind %s is recognised as that kind and no other', (kind) => {
    const value = mintBearer(kind).value.expose()
    expect(kinds.filter((other) => isBearer(other, value))).toEqual([kind])
  })

  test('is stored as the SHA-256 of its whole value', () => {
    const { value, hash } = mintBearer('clk_mcp')
    expect(hash).toEqual(createHash('sha256').update(value.expose(), 'utf8').digest())
    expect(bearerHash(value.expose())).toEqual(hash)
  })

  test('shows lists its kind and four characters', () => {
    const { value, prefix } = mintBearer('clk_api')
    expect(prefix).toHaveLength('clk_api_'.length + 4)
    expect(value.expose().startsWith(prefix)).toBe(true)
  })

  test('never prints', () => {
    expect(JSON.stringify(mintBearer('clk_ssh').value)).toBe('"[redacted]"')
  })
})

describe('a text that is no bearer', () => {
  const { value } = mintBearer('clk_mcp')
  test.each([
    ['empty', ''],
    ['the prefix alone', 'clk_mcp_'],
    ['one character short', value.expose().slice(0, -1)],
    ['one character long', `${value.expose()}0`],
    ['in another case of the prefix', value.expose().replace('clk', 'CLK')],
    ['with white space', ` ${value.expose()}`],
  ])('is refused: %s', (_, text) => {
    expect(isBearer('clk_mcp', text)).toBe(false)
  })
})
