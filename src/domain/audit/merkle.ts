import { hash } from 'node:crypto'

/** Length of a SHA-256 hash. */
export const hashBytes = 32

/**
 * What is needed to go on with a Merkle tree (RFC 9162 section 2.1): its size, and the roots of its complete subtrees from
 * the largest (leftmost) to the smallest, one for each 1 bit of the size.
 */
export interface Frontier {
  readonly size: number
  readonly peaks: readonly Buffer[]
}

export const emptyFrontier: Frontier = { size: 0, peaks: [] }

/** The hash of a leaf: SHA-256(0x00 ‖ bytes). */
export function leafHash(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text) + 1)
  bytes[0] = 0
  bytes.write(text, 1)
  return hash('sha256', bytes, 'buffer')
}

const nodeBytes = Buffer.alloc(1 + 2 * hashBytes, 1)

/** The hash of an inner node: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(nodeBytes, 1)
  right.copy(nodeBytes, 1 + hashBytes)
  return hash('sha256', nodeBytes, 'buffer')
}

/** @returns the frontier after the leaves (their hashes) are added on the right */
export function pushLeaves(frontier: Frontier, leaves: Iterable<Buffer>): Frontier {
  const peaks = [...frontier.peaks]
  let { size } = frontier
  for (const leaf of leaves) {
    let node = leaf
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(lastOf(peaks), node)
    peaks.push(node)
    size += 1
  }
  return { size, peaks }
}

/** The Merkle tree hash (RFC 9162 section 2.1.1) of all leaves that were pushed. */
export function rootOf({ peaks }: Frontier): Buffer {
  if (peaks.length === 0) return hash('sha256', '', 'buffer')
  return peaks.reduceRight((right, left) => nodeHash(left, right))
}

/** True when a stored frontier has the form that one of its size has; it says nothing about the hashes. */
export function isFrontier({ size, peaks }: Frontier): boolean {
  let ones = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return peaks.length === ones && peaks.every((peak) => peak.length === hashBytes)
}

function lastOf(peaks: Buffer[]): Buffer {
  const peak = peaks.pop()
  if (peak === undefined) throw new RangeError('a frontier has fewer peaks than its size says')
  return peak
}
