import type { Knex } from 'knex'
import { type Fault, FaultError } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { auditFault } from './audit-fault.ts'
import { leafPages, leavesPerPage } from './leaf-reader.ts'
import { type MerkleLevels, merkleLevels, pathIn, rootOfLevels } from './merkle-levels.ts'

/**
 * Inclusion proofs of many events against one checkpoint. The leaves are read once to hash them in blocks, and each
 * block that proofs are asked of once more: what is kept is one hash for each 4,096 events and one block.
 */
export class InclusionPaths {
  readonly #db: Knex
  readonly #size: number
  /** The tree over the blocks: blocks are complete subtrees, but for the last one. */
  readonly #blocks: MerkleLevels
  #open: OpenBlock | undefined

  private constructor(db: Knex, size: number, blocks: MerkleLevels) {
    this.#db = db
    this.#size = size
    this.#blocks = blocks
  }

  /** @returns a fault when the log does not lead to that root */
  static async of(
    db: Knex,
    { size, root }: { readonly size: number; readonly root: Buffer },
  ): Promise<Result<InclusionPaths, Fault>> {
    const roots: Buffer[] = []
    for await (const leaves of leafPages(db, 0, size)) roots.push(rootOfLevels(merkleLevels(leaves)) ?? Buffer.alloc(0))
    const blocks = merkleLevels(roots)
    return rootOfLevels(blocks)?.equals(root) === true
      ? ok(new InclusionPaths(db, size, blocks))
      : err(auditFault(`The log does not lead to its checkpoint of size ${size}`))
  }

  /**
   * The proof (RFC 9162 section 2.1.3.1) of one event; cheap when they are asked for in the order of the log.
   * @throws FaultError when the log has changed since it was read
   */
  async of(seq: number): Promise<Buffer[]> {
    const block = Math.floor((seq - 1) / leavesPerPage)
    const open = this.#open?.block === block ? this.#open : await this.#read(block)
    return [...pathIn(open.levels, (seq - 1) % leavesPerPage), ...pathIn(this.#blocks, block)]
  }

  async #read(block: number): Promise<OpenBlock> {
    const start = block * leavesPerPage
    for await (const leaves of leafPages(this.#db, start, Math.min(this.#size, start + leavesPerPage))) {
      const levels = merkleLevels(leaves)
      const expected = this.#blocks[0]?.[block]
      if (expected === undefined || rootOfLevels(levels)?.equals(expected) !== true) break
      const open = { block, levels }
      this.#open = open
      return open
    }
    throw new FaultError(auditFault(`Events from ${start + 1} on cannot be proven: the log has changed`))
  }
}

interface OpenBlock {
  readonly block: number
  readonly levels: MerkleLevels
}
