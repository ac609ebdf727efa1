import { describe, expect, test } from 'vitest'
import { beyondReach } from '../../../../src/domain/groups/group-reach.ts'

describe('handing out groups', () => {
  test.each([
    ['nothing', [], []],
    ['what one has', ['edge'], ['prod', 'edge']],
    ['anything, by one who has every group', ['edge', 'prod'], 'every'],
    ['every group, by one who has every group', 'every', 'every'],
  ] as const)('%s is permitted', (_, groups, reach) => {
    expect(beyondReach(groups, reach, 'ada')).toBeUndefined()
  })

  test('beyond what one has is refused, naming the groups in order', () => {
    expect(beyondReach(['staging', 'edge', 'prod'], ['edge'], 'ada')).toMatchObject({
      code: 'GROUP_NOT_PERMITTED',
      message: 'Groups [prod, staging] lie outside those of ada',
    })
  })

  test('of every kind is refused to one who has only some', () => {
    expect(beyondReach('every', ['edge', 'prod'], 'ada')?.code).toBe('GROUP_NOT_PERMITTED')
  })
})
