import { describe, expect, test } from 'vitest'
import { FaultError, fault } from '../../../src/kernel/fault.ts'
import type { FaultInfo } from '../../../src/kernel/fault-info.ts'
import { faults } from '../../../src/kernel/faults.ts'
import { err, ok } from '../../../src/kernel/result.ts'

const statusesOf: { readonly [kind in FaultInfo['kind']]: readonly number[] } = {
  invalid: [400, 405, 413, 422],
  unauthenticated: [401],
  forbidden: [403],
  not_found: [404],
  conflict: [409],
  rate_limited: [429],
  unavailable: [503],
  internal: [500],
}

describe('the table of faults', () => {
  const rows: [string, FaultInfo][] = Object.entries(faults)

  test.each(rows)('%s has a code, a text and a status that fits its kind', (code, { kind, http, text }) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/u)
    expect(text).toMatch(/^[A-Z].*[^.]$/u)
    expect(statusesOf[kind]).toContain(http)
  })
})

describe('a fault', () => {
  test('speaks with the text of the table unless it knows better', () => {
    expect(fault('NOT_FOUND').message).toBe(faults.NOT_FOUND.text)
    expect(fault('NOT_FOUND', { message: 'No group of that name' }).message).toBe('No group of that name')
  })

  test('keeps its cause through code that can only throw', () => {
    const cause = new Error('connection refused')
    const thrown = new FaultError(fault('DATABASE_UNAVAILABLE', { cause }))
    expect(thrown).toMatchObject({ cause, fault: { code: 'DATABASE_UNAVAILABLE' } })
  })
})

describe('a result', () => {
  test('is a value or a refusal, told apart by ok', () => {
    expect([ok(1), err('no')]).toEqual([
      { ok: true, value: 1 },
      { ok: false, error: 'no' },
    ])
  })
})
