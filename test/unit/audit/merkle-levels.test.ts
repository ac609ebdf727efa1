import { describe, expect, test } from 'vitest'
import { emptyFrontier, leafHash, pushLeaves, rootOf } from '../../../src/domain/audit/merkle.ts'
import { merkleLevels, pathIn, rootOfLevels } from '../../../src/domain/audit/merkle-levels.ts'
import { hashRanges, inclusionRanges } from '../../../src/domain/audit/merkle-proof.ts'

const leaves = Array.from({ length: 70 }, (_, index) => leafHash(`${index}`))

async function* all() {
  yield leaves
}

describe('a tree in levels', () => {
  test('has the root and the proofs of RFC 9162, whatever its size', async () => {
    for (let size = 1; size <= leaves.length; size++) {
      const levels = merkleLevels(leaves.slice(0, size))
      expect(rootOfLevels(levels)).toEqual(rootOf(pushLeaves(emptyFrontier, leaves.slice(0, size))))
      for (const index of [0, size >> 1, size - 1])
        expect(pathIn(levels, index)).toEqual(await hashRanges(inclusionRanges(index, size), all()))
    }
  })

  test('has no root without leaves', () => {
    expect(rootOfLevels(merkleLevels([]))).toBeUndefined()
  })
})
