import { expect, test } from 'vitest'
import { keysMax, WindowLimit } from '../../../src/gateway/window-limit.ts'

test('a window lets so many through, then says how long to wait, and starts anew', () => {
  const limit = new WindowLimit({ calls: 2, seconds: 60 })
  expect(limit.take('a', 0, 2).allowed).toBe(true)
  expect(limit.take('a', 59_000)).toEqual({ allowed: false, retryAfterSeconds: 1 })
  expect(limit.take('b', 59_000).allowed).toBe(true)
  expect(limit.take('a', 60_000).allowed).toBe(true)
})

test('of more keys than it keeps, the one whose window began first is forgotten, so that nobody fills the memory', () => {
  const limit = new WindowLimit({ calls: 1, seconds: 60 })
  for (let key = 0; key < keysMax; key++) limit.take(`key ${key}`, key)
  expect(limit.take('key 0', keysMax).allowed).toBe(false)
  limit.take('one more', keysMax)
  expect(limit.take('key 1', keysMax).allowed).toBe(false)
  expect(limit.take('key 0', keysMax).allowed).toBe(true)
})
