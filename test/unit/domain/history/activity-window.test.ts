import { describe, expect, test } from 'vitest'
import {
  ActivityWindow,
  type Deed,
  distinctNamesMax,
  windowBuckets,
} from '../../../../src/domain/history/activity-window.ts'

const SECOND = 1_000
const START = 1_800_000_000_000

function denial(atMs: number, deniedName: string): Deed {
  return { atMs, isNewCall: true, isDenied: true, deniedName, secretId: '', isProductionRead: false }
}

describe('an activity window', () => {
  test('forgets a deed when its bucket is 60 buckets back, and not before', () => {
    const window = new ActivityWindow(SECOND)
    window.add(denial(START + 999, 'prod-db'))
    const lastMs = START + windowBuckets * SECOND - 1
    expect(window.at(lastMs, [])).toMatchObject({ calls: 1, denials: 1, deniedNames: 1 })
    expect(window.at(lastMs + 1, [])).toEqual({
      calls: 0,
      denials: 0,
      deniedNames: 0,
      distinctSecrets: 0,
      productionReads: 0,
    })
  })

  test('counts a name once, for as long as it was last seen within', () => {
    const window = new ActivityWindow(SECOND)
    window.add(denial(START, 'a'))
    window.add(denial(START + 30 * SECOND, 'a'))
    expect(window.at(START + 30 * SECOND, [])).toMatchObject({ denials: 2, deniedNames: 1 })
    expect(window.at(START + 60 * SECOND, [])).toMatchObject({ denials: 1, deniedNames: 1 })
    expect(window.at(START + 90 * SECOND, [])).toMatchObject({ denials: 0, deniedNames: 0 })
  })

  test('counts deeds that arrive out of order, and ignores those that are past', () => {
    const window = new ActivityWindow(SECOND)
    window.add(denial(START + 100 * SECOND, 'late'))
    window.add(denial(START + 90 * SECOND, 'earlier'))
    window.add(denial(START, 'past'))
    expect(window.at(START + 100 * SECOND, [])).toMatchObject({ calls: 2, deniedNames: 2 })
  })

  test('counts distinct names up to its bound, goes on counting denials, and recovers when the names are past', () => {
    const window = new ActivityWindow(SECOND)
    for (let index = 0; index < distinctNamesMax; index++) window.add(denial(START, `name ${index}`))
    expect(window.at(START, []).deniedNames).toBe(distinctNamesMax)
    window.add(denial(START, 'one too many'))
    expect(window.at(START, [])).toMatchObject({ denials: distinctNamesMax + 1, deniedNames: distinctNamesMax })
    const laterMs = START + windowBuckets * SECOND
    window.add(denial(laterMs, 'later'))
    expect(window.at(laterMs, []).deniedNames).toBe(1)
  })

  test('counts a further evaluation of a call as no new call', () => {
    const window = new ActivityWindow(SECOND)
    const read = { atMs: START, isDenied: false, deniedName: '', secretId: 'sec_1', isProductionRead: true }
    window.add({ ...read, isNewCall: false })
    window.add({ ...read, isNewCall: true })
    expect(window.at(START, [])).toEqual({
      calls: 1,
      denials: 0,
      deniedNames: 0,
      distinctSecrets: 1,
      productionReads: 2,
    })
  })

  test('counts the names of what is under way once, and not again when it is on record', () => {
    const window = new ActivityWindow(SECOND)
    window.add(denial(START, 'known'))
    const underWay = ['known', 'new', 'new'].map((deniedName) => ({ deniedName, secretId: '' }))
    const reads = [{ deniedName: '', secretId: 'sec_1' }]
    expect(window.at(START, [...underWay, ...reads])).toMatchObject({ denials: 1, deniedNames: 2, distinctSecrets: 1 })
    expect(window.at(START, [])).toMatchObject({ deniedNames: 1, distinctSecrets: 0 })
  })
})
