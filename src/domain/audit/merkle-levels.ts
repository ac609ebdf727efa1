import { nodeHash } from './merkle.ts'

/** A whole Merkle tree in memory: the leaves, then each level of inner nodes, at the end the root alone. */
export type MerkleLevels = readonly (readonly Buffer[])[]

/** The tree of RFC 9162 section 2.1.1, level by level: a node without a sibling moves up unchanged. */
export function merkleLevels(leaves: readonly Buffer[]): MerkleLevels {
  const levels = [leaves]
  for (let level = leaves; level.length > 1; levels.push(level)) level = levelAbove(level)
  return levels
}

/** @returns undefined for a tree without leaves */
export function rootOfLevels(levels: MerkleLevels): Buffer | undefined {
  return levels.at(-1)?.[0]
}

/** The inclusion proof (RFC 9162 section 2.1.3.1) of the leaf at `index`. */
export function pathIn(levels: MerkleLevels, index: number): Buffer[] {
  return levels.flatMap((level, height) => {
    const place = Math.floor(index / 2 ** height)
    return level[place % 2 === 0 ? place + 1 : place - 1] ?? []
  })
}

function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = []
  for (let place = 0; place < level.length; place += 2) {
    const [left, right] = level.slice(place, place + 2)
    if (left !== undefined) above.push(right === undefined ? left : nodeHash(left, right))
  }
  return above
}
