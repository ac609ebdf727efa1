import { emptyFrontier, type Frontier, nodeHash, pushLeaves, rootOf } from './merkle.ts'

/** The leaves from index `start` up to, not including, `end`: a subtree whose hash is part of a proof. */
export interface LeafRange {
  readonly start: number
  readonly end: number
}

/** The subtrees of an inclusion proof (RFC 9162 section 2.1.3.1) for the leaf at `index`, in the proof's order. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!(index >= 0 && index < size)) throw new RangeError('the leaf lies outside the tree')
  const ranges: LeafRange[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (index < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.toReversed()
}

/** The subtrees of a consistency proof (RFC 9162 section 2.1.4.1) between two sizes, in the proof's order. */
export function consistencyRanges(first: number, second: number): LeafRange[] {
  if (!(first >= 1 && first <= second)) throw new RangeError('the first size lies outside the tree')
  const ranges: LeafRange[] = []
  let [start, end] = [0, second]
  while (end > first) {
    const middle = start + splitOf(end - start)
    if (first <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // The old root is known to whoever checks; only a part of it has to be told.
  if (start > 0) ranges.push({ start, end })
  return ranges.toReversed()
}

/**
 * Hashes subtrees in one pass over the leaves.
 * @param leaves chunks of leaf hashes from index 0 in order, at least as far as the ranges reach
 * @returns the hash of each range, in the order given; undefined when there are not enough leaves
 */
export async function hashRanges(
  ranges: readonly LeafRange[],
  leaves: AsyncIterable<readonly Buffer[]>,
): Promise<Buffer[] | undefined> {
  const subtrees = new Map<LeafRange, Frontier>(ranges.map((range) => [range, emptyFrontier]))
  let index = 0
  for await (const chunk of leaves) {
    for (const [range, subtree] of subtrees) {
      const part = chunk.slice(Math.max(0, range.start - index), Math.max(0, range.end - index))
      if (part.length > 0) subtrees.set(range, pushLeaves(subtree, part))
    }
    index += chunk.length
  }
  const isComplete = [...subtrees].every(([{ start, end }, { size }]) => size === end - start)
  return isComplete ? [...subtrees.values()].map(rootOf) : undefined
}

export interface InclusionClaim {
  readonly leaf: Buffer
  readonly index: number
  readonly size: number
  readonly root: Buffer
  readonly hashes: readonly Buffer[]
}

/** Checks an inclusion proof as RFC 9162 section 2.1.3.2 says. */
export function verifyInclusion({ leaf, index, size, root, hashes }: InclusionClaim): boolean {
  if (!(index >= 0 && index < size)) return false
  let [node, last, hash] = [index, size - 1, leaf]
  for (const sibling of hashes) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && hash.equals(root)
}

export interface ConsistencyClaim {
  readonly first: number
  readonly firstRoot: Buffer
  readonly second: number
  readonly secondRoot: Buffer
  readonly hashes: readonly Buffer[]
}

/** Checks a consistency proof as RFC 9162 section 2.1.4.2 says: the second tree holds the first one unchanged. */
export function verifyConsistency({ first, firstRoot, second, secondRoot, hashes }: ConsistencyClaim): boolean {
  if (!(first >= 1 && first <= second)) return false
  if (first === second) return hashes.length === 0 && firstRoot.equals(secondRoot)
  const [seed, ...rest] = isPowerOfTwo(first) ? [firstRoot, ...hashes] : hashes
  if (seed === undefined) return false
  let [node, last] = [first - 1, second - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [oldHash, newHash] = [seed, seed]
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(sibling, oldHash)
      newHash = nodeHash(sibling, newHash)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      newHash = nodeHash(newHash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && oldHash.equals(firstRoot) && newHash.equals(secondRoot)
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

function isPowerOfTwo(size: number): boolean {
  let power = 1
  while (power < size) power *= 2
  return power === size
}

function half(value: number): number {
  return Math.floor(value / 2)
}
