import { describe, expect, test } from 'vitest'
import { DatabaseClock } from '../../../../src/domain/revocation/database-clock.ts'

function clockAt(monotonic: { ms: number }): DatabaseClock {
  return new DatabaseClock(() => monotonic.ms)
}

describe('the clock that follows the database', () => {
  test("goes by the machine's clock until the database has spoken", () => {
    expect(Math.abs(clockAt({ ms: 5 }).now() - Date.now())).toBeLessThan(1_000)
  })

  test('places a database time in the middle of the question and the answer', () => {
    const monotonic = { ms: 110 }
    const clock = clockAt(monotonic)
    clock.readBetween(100, 1_000_000, 110)
    expect(clock.now()).toBe(1_000_005)
    monotonic.ms += 2_000
    expect(clock.now()).toBe(1_002_005)
  })

  test('keeps what a quick answer taught it when a slow one agrees', () => {
    const monotonic = { ms: 102 }
    const clock = clockAt(monotonic)
    clock.readBetween(100, 1_000_000, 102)
    monotonic.ms = 5_000
    clock.readBetween(1_000, 1_000_901, 5_000)
    expect(clock.now()).toBe(1_004_899)
  })

  test('jumps when the database does, in either direction', () => {
    for (const stepMs of [60_000, -60_000]) {
      const monotonic = { ms: 102 }
      const clock = clockAt(monotonic)
      clock.readBetween(100, 1_000_000, 102)
      monotonic.ms = 202
      clock.readBetween(200, 1_000_100 + stepMs, 202)
      expect(Math.abs(clock.now() - (1_000_102 + stepMs))).toBeLessThanOrEqual(2)
    }
  })

  test('never runs behind a time that has arrived', () => {
    const monotonic = { ms: 102 }
    const clock = clockAt(monotonic)
    clock.readBetween(100, 1_000_000, 102)
    clock.readBefore(1_000_500, 102)
    expect(clock.now()).toBe(1_000_500)
    clock.readBefore(999_000, 102)
    expect(clock.now()).toBe(1_000_500)
  })

  test('tells time in whole milliseconds, as the policy input wants it', () => {
    const clock = clockAt({ ms: 0.75 })
    clock.readBetween(0.25, 1_000.5, 0.75)
    expect(Number.isInteger(clock.now())).toBe(true)
  })
})
