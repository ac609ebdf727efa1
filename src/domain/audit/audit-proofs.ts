import type { Knex } from 'knex'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { auditFault } from './audit-fault.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import type { Checkpointer, SignedCheckpoint } from './checkpointer.ts'
import { advanceFrontier, leafPages } from './leaf-reader.ts'
import { readLogHead } from './log-head.ts'
import { emptyFrontier, rootOf } from './merkle.ts'
import {
  consistencyRanges,
  hashRanges,
  inclusionRanges,
  type LeafRange,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts'

/** Proves that an event is in the log of a signed checkpoint (RFC 9162 section 2.1.3). Hashes are base64. */
export interface InclusionProof {
  readonly seq: number
  readonly leaf: string
  readonly treeSize: number
  readonly root: string
  readonly hashes: readonly string[]
  readonly checkpoint: string
}

/** Proves that the log of the second size holds the log of the first one unchanged (RFC 9162 section 2.1.4). */
export interface ConsistencyProof {
  readonly first: number
  readonly firstRoot: string
  readonly second: number
  readonly secondRoot: string
  readonly hashes: readonly string[]
}

/** Makes proofs from the stored leaf hashes, in one pass over them. None leaves before it was checked here. */
export class AuditProofs {
  readonly #db: Knex
  readonly #checkpointer: Pick<Checkpointer, 'checkpoint'>

  constructor(db: Knex, checkpointer: Pick<Checkpointer, 'checkpoint'>) {
    this.#db = db
    this.#checkpointer = checkpointer
  }

  /**
   * Proves an event against the newest checkpoint; makes one when none covers the event yet.
   * @returns NOT_FOUND when there is no such event, or a fault when the log does not lead to its checkpoint
   */
  async inclusion(seq: number): Promise<Result<InclusionProof, Fault>> {
    const covering = await this.#covering(seq)
    if (!covering.ok) return covering
    const { size, root, note } = covering.value
    const row: { leaf: Buffer } | undefined = await this.#db('audit_events').where({ seq }).first('leaf')
    const hashes = await this.#hashes(inclusionRanges(seq - 1, size), size)
    if (
      row === undefined ||
      hashes === undefined ||
      !verifyInclusion({ leaf: row.leaf, index: seq - 1, size, root, hashes })
    ) {
      return err(auditFault(`Event ${seq} cannot be proven: the log does not lead to its checkpoint of size ${size}`))
    }
    return ok({
      seq,
      leaf: base64(row.leaf),
      treeSize: size,
      root: base64(root),
      hashes: hashes.map(base64),
      checkpoint: note,
    })
  }

  /** @returns ARGUMENT_INVALID unless 1 <= first <= second <= the log's size */
  async consistency(first: number, second: number): Promise<Result<ConsistencyProof, Fault>> {
    const { size } = await readLogHead(this.#db)
    if (
      !(Number.isSafeInteger(first) && Number.isSafeInteger(second) && 1 <= first && first <= second && second <= size)
    ) {
      return err(
        fault('ARGUMENT_INVALID', { message: `sizes must be between 1 and ${size}, the first not above the second` }),
      )
    }
    const before = await advanceFrontier(this.#db, emptyFrontier, first)
    const firstRoot = rootOf(before)
    const secondRoot = rootOf(await advanceFrontier(this.#db, before, second))
    const hashes = await this.#hashes(consistencyRanges(first, second), second)
    if (hashes === undefined || !verifyConsistency({ first, firstRoot, second, secondRoot, hashes })) {
      return err(auditFault(`The log between ${first} and ${second} events cannot be proven: events are missing`))
    }
    return ok({
      first,
      firstRoot: base64(firstRoot),
      second,
      secondRoot: base64(secondRoot),
      hashes: hashes.map(base64),
    })
  }

  async #covering(seq: number): Promise<Result<SignedCheckpoint, Fault>> {
    const latest = await new CheckpointStore(this.#db).latest()
    if (latest !== undefined && latest.size >= seq) return seq >= 1 ? ok(latest) : err(fault('NOT_FOUND'))
    const made = await this.#checkpointer.checkpoint()
    if (!made.ok) return made
    return made.value !== null && made.value.size >= seq
      ? ok(made.value)
      : err(fault('NOT_FOUND', { message: `No event ${seq}` }))
  }

  /** @returns undefined when leaves are missing */
  async #hashes(ranges: readonly LeafRange[], size: number): Promise<Buffer[] | undefined> {
    return hashRanges(ranges, leafPages(this.#db, 0, size))
  }
}

function base64(hash: Buffer): string {
  return hash.toString('base64')
}
