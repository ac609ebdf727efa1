import { describe, expect, test } from 'vitest'
import { emptyFrontier, isFrontier, leafHash, nodeHash, pushLeaves, rootOf } from '../../../src/domain/audit/merkle.ts'
import {
  consistencyRanges,
  hashRanges,
  inclusionRanges,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/domain/audit/merkle-proof.ts'

/** The eight leaves, roots and paths that implementations of RFC 9162 (and 6962) test each other with. */
const vectors = {
  leaves: ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'],
  roots: [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
  inclusionOf1In8: [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ],
  consistency6To8: [
    '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ],
}

const SIZE_MAX = 200
const leaves = Array.from({ length: SIZE_MAX }, (_, index) => leafHash(`event ${index}`))

describe('the Merkle tree of RFC 9162', () => {
  test('has the published roots', () => {
    const hashes = vectors.leaves.map((hex) => leafHash(Buffer.from(hex, 'hex').toString('latin1')))
    expect(hashes.map((_, index) => hex(rootOf(pushLeaves(emptyFrontier, hashes.slice(0, index + 1)))))).toEqual(
      vectors.roots,
    )
    expect(hex(rootOf(emptyFrontier))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  test('has the published inclusion and consistency paths', async () => {
    const hashes = vectors.leaves.map((text) => leafHash(Buffer.from(text, 'hex').toString('latin1')))
    expect((await pathOf(inclusionRanges(1, 8), hashes)).map(hex)).toEqual(vectors.inclusionOf1In8)
    expect((await pathOf(consistencyRanges(6, 8), hashes)).map(hex)).toEqual(vectors.consistency6To8)
  })

  test('is the same whether leaves come one by one or together, and as its recursive definition says', () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      const part = leaves.slice(0, size)
      const together = pushLeaves(emptyFrontier, part)
      const oneByOne = part.reduce((frontier, leaf) => pushLeaves(frontier, [leaf]), emptyFrontier)
      expect(together).toEqual(oneByOne)
      expect(rootOf(together)).toEqual(treeHash(part))
    }
  })

  test('does not take a frontier whose peaks do not fit its size', () => {
    const { peaks } = pushLeaves(emptyFrontier, leaves.slice(0, 7))
    expect(isFrontier({ size: 7, peaks })).toBe(true)
    expect(isFrontier({ size: 8, peaks })).toBe(false)
    expect(isFrontier({ size: 7, peaks: peaks.slice(1) })).toBe(false)
    expect(isFrontier({ size: 7, peaks: [...peaks.slice(1), Buffer.alloc(31)] })).toBe(false)
  })
})

describe('an inclusion proof', () => {
  test('verifies for every leaf of every size up to 200', async () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      const root = rootOf(pushLeaves(emptyFrontier, leaves.slice(0, size)))
      for (let index = 0; index < size; index += size < 40 ? 1 : 7) {
        const hashes = await pathOf(inclusionRanges(index, size), leaves.slice(0, size))
        expect(verifyInclusion({ leaf: at(leaves, index), index, size, root, hashes })).toBe(true)
      }
    }
  })

  test('fails with any bit flipped, at another place, and with a hash more or less', async () => {
    const [index, size] = [11, 29]
    const root = rootOf(pushLeaves(emptyFrontier, leaves.slice(0, size)))
    const hashes = await pathOf(inclusionRanges(index, size), leaves.slice(0, size))
    const claim = { leaf: at(leaves, index), index, size, root, hashes }
    for (const [position, hash] of hashes.entries()) {
      for (let bit = 0; bit < 256; bit++) {
        expect(verifyInclusion({ ...claim, hashes: hashes.with(position, flipped(hash, bit)) })).toBe(false)
      }
    }
    for (let bit = 0; bit < 256; bit++) {
      expect(verifyInclusion({ ...claim, leaf: flipped(claim.leaf, bit) })).toBe(false)
      expect(verifyInclusion({ ...claim, root: flipped(root, bit) })).toBe(false)
    }
    for (const other of [0, 10, 12, 28]) expect(verifyInclusion({ ...claim, index: other })).toBe(false)
    expect(verifyInclusion({ ...claim, hashes: hashes.slice(1) })).toBe(false)
    expect(verifyInclusion({ ...claim, hashes: hashes.slice(0, -1) })).toBe(false)
    expect(verifyInclusion({ ...claim, hashes: [...hashes, root] })).toBe(false)
    expect(verifyInclusion({ ...claim, index: size })).toBe(false)
  })

  test('is not made for a leaf outside the tree, nor from too few leaves', async () => {
    expect(() => inclusionRanges(5, 5)).toThrow(RangeError)
    expect(() => inclusionRanges(-1, 5)).toThrow(RangeError)
    expect(await hashRanges(inclusionRanges(0, 5), pages(leaves.slice(0, 4)))).toBeUndefined()
  })
})

describe('a consistency proof', () => {
  test('verifies between all sizes up to 60, and fails with any hash changed', async () => {
    const roots = Array.from({ length: 61 }, (_, size) => rootOf(pushLeaves(emptyFrontier, leaves.slice(0, size))))
    for (let second = 1; second <= 60; second++) {
      for (let first = 1; first <= second; first++) {
        const hashes = await pathOf(consistencyRanges(first, second), leaves.slice(0, second))
        const claim = { first, firstRoot: at(roots, first), second, secondRoot: at(roots, second), hashes }
        expect(verifyConsistency(claim), `${first} to ${second}`).toBe(true)
        expect(verifyConsistency({ ...claim, firstRoot: flipped(claim.firstRoot, second) })).toBe(false)
        expect(verifyConsistency({ ...claim, secondRoot: flipped(claim.secondRoot, first) })).toBe(false)
        for (const [position, hash] of hashes.entries()) {
          expect(verifyConsistency({ ...claim, hashes: hashes.with(position, flipped(hash, first)) })).toBe(false)
          expect(verifyConsistency({ ...claim, hashes: hashes.toSpliced(position, 1) })).toBe(false)
        }
      }
    }
  })

  test('fails for a tree whose past was rewritten', async () => {
    const rewritten = leaves.with(3, leafHash('another event'))
    const firstRoot = rootOf(pushLeaves(emptyFrontier, leaves.slice(0, 10)))
    const secondRoot = rootOf(pushLeaves(emptyFrontier, rewritten.slice(0, 20)))
    const hashes = await pathOf(consistencyRanges(10, 20), rewritten.slice(0, 20))
    expect(verifyConsistency({ first: 10, firstRoot, second: 20, secondRoot, hashes })).toBe(false)
  })

  test('is not made from size 0 or to a smaller size', () => {
    expect(() => consistencyRanges(0, 5)).toThrow(RangeError)
    expect(() => consistencyRanges(6, 5)).toThrow(RangeError)
  })
})

/** Section 2.1.1, word for word. */
function treeHash(part: readonly Buffer[]): Buffer {
  if (part.length === 1) return at(part, 0)
  let split = 1
  while (split * 2 < part.length) split *= 2
  return nodeHash(treeHash(part.slice(0, split)), treeHash(part.slice(split)))
}

async function pathOf(ranges: Parameters<typeof hashRanges>[0], all: readonly Buffer[]): Promise<Buffer[]> {
  const hashes = await hashRanges(ranges, pages(all))
  if (hashes === undefined) throw new Error('there are not enough leaves')
  return hashes
}

async function* pages(all: readonly Buffer[]): AsyncGenerator<readonly Buffer[]> {
  for (let start = 0; start < all.length; start += 7) yield all.slice(start, start + 7)
}

function flipped(hash: Buffer, bit: number): Buffer {
  const copy = Buffer.from(hash)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return copy
}

function at(all: readonly Buffer[], index: number): Buffer {
  const one = all[index]
  if (one === undefined) throw new RangeError(`nothing at ${index}`)
  return one
}

function hex(hash: Buffer): string {
  return hash.toString('hex')
}
