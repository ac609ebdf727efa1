import { describe, expect, test } from 'vitest'
import { bounds, isDeeperThan, plainText, shortText, unfitness } from '../../../src/kernel/bounded-text.ts'

function nested(levels: number): unknown {
  return levels === 0 ? 'leaf' : { in: nested(levels - 1) }
}

function members(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, index]))
}

describe('what a caller sends', () => {
  test.each([
    ['nesting', nested(bounds.argumentDepthMax)],
    ['members', members(bounds.argumentMembersMax)],
    ['array members', Array(bounds.argumentMembersMax).fill(0)],
    ['string bytes', 'x'.repeat(bounds.argumentStringBytesMax)],
    ['bytes of a member name', { ['x'.repeat(bounds.argumentStringBytesMax)]: 1 }],
    ['string bytes, not characters', 'é'.repeat(bounds.argumentStringBytesMax / 2)],
  ])('is fit at the limit of %s', (_, value) => {
    expect(unfitness(value)).toBeUndefined()
  })

  test.each([
    ['nesting', nested(bounds.argumentDepthMax + 1), /nested deeper than 16 levels/u],
    ['members', members(bounds.argumentMembersMax + 1), /more than 256 members/u],
    ['array members', Array(bounds.argumentMembersMax + 1).fill(0), /more than 256 members/u],
    ['string bytes', 'x'.repeat(bounds.argumentStringBytesMax + 1), /longer than 65536 bytes/u],
    ['bytes of a member name', { ['x'.repeat(bounds.argumentStringBytesMax + 1)]: 1 }, /longer than 65536 bytes/u],
    ['string bytes, not characters', 'é'.repeat(bounds.argumentStringBytesMax / 2 + 1), /longer than 65536 bytes/u],
  ])('is unfit one past the limit of %s', (_, value, reason) => {
    expect(unfitness(value)).toMatch(reason)
  })

  test.each([
    ['a lone surrogate', { a: ['\ud800'] }, /lone surrogate/u],
    ['a lone surrogate in a name', { '\udfff': 1 }, /lone surrogate/u],
    ['NUL', { a: 'x\u0000' }, /NUL/u],
  ])('is unfit with %s, and the reason quotes nothing of it', (_, value, reason) => {
    expect(unfitness(value)).toMatch(reason)
  })

  test.each([[null], [true], [0], [''], [{}], [[]], ['🙂']])('is fit: %j', (value) => {
    expect(unfitness(value)).toBeUndefined()
  })
})

describe('text of an agent', () => {
  test('keeps newline and tab and loses every other control character', () => {
    expect(plainText('a\n\tb\r\u0000\u001b[31m\u007f\u0085\u009b\u2028\u2029c')).toBe('a\n\tb[31mc')
  })

  test('is made well-formed', () => {
    expect(plainText('a\ud800b')).toBe('a\ufffdb')
  })

  test('is cut without halving a character', () => {
    expect(shortText('ab', 2)).toBe('ab')
    expect(shortText('abc', 2)).toBe('ab')
    expect(shortText('a🙂', 2)).toBe('a')
    expect(shortText('🙂b', 2)).toBe('🙂')
    expect(shortText('a\u0000b', 2)).toBe('ab')
  })
})

describe('a message', () => {
  test('is measured for its depth without ending in an exception', () => {
    expect(isDeeperThan(nested(5), 5)).toBe(false)
    expect(isDeeperThan(nested(6), 5)).toBe(true)
    expect(isDeeperThan(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), 512)).toBe(true)
  })
})
