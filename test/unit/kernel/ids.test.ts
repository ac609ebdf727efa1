import { describe, expect, test } from 'vitest'
import { newId } from '../../../src/kernel/ids.ts'

describe('an id', () => {
  test('says what it identifies, and nothing else that could be guessed', () => {
    expect(newId('agt')).toMatch(/^agt_[0-9a-hjkmnp-tv-z]{25}$/u)
  })

  test('does not come twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newId('evt'))).size).toBe(10_000)
  })
})
