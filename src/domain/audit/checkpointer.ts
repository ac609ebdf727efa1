import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { auditFault } from './audit-fault.ts'
import type { AuditKey } from './audit-key.ts'
import type { LogHead } from './audit-log.ts'
import { signCheckpoint } from './checkpoint.ts'
import type { CheckpointHistory } from './checkpoint-history.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import { advanceFrontier } from './leaf-reader.ts'
import { type Frontier, rootOf } from './merkle.ts'

/** How often a job should call `checkpoint()`. */
export const checkpointIntervalMs = 1_000

export interface SignedCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly note: string
}

export interface CheckpointerDeps {
  readonly knex: Knex
  readonly log: { head(): Promise<LogHead> }
  readonly key: AuditKey
  readonly history: CheckpointHistory
  readonly clock: Clock
}

/** Signs what the log is, again and again, and only what continues what it signed before. */
export class Checkpointer {
  readonly #deps: CheckpointerDeps
  readonly #store: CheckpointStore
  #verified: Frontier
  #last: SignedCheckpoint | null
  #running: Promise<unknown> = Promise.resolve()

  /** @param from the log as the start-up check left it, and the last checkpoint it found */
  constructor(
    deps: CheckpointerDeps,
    from: { readonly frontier: Frontier; readonly checkpoint: SignedCheckpoint | null },
  ) {
    this.#deps = deps
    this.#store = new CheckpointStore(deps.knex)
    this.#verified = from.frontier
    this.#last = from.checkpoint
  }

  /**
   * Signs and stores a checkpoint of the log as it is now, inside and outside the database, unless the last one says it.
   * @returns the newest checkpoint (null while the log is empty), or a fault when the log does not continue the last one
   */
  checkpoint(): Promise<Result<SignedCheckpoint | null, Fault>> {
    const next = this.#running.then(() => this.#write())
    this.#running = next.catch(() => undefined)
    return next
  }

  async #write(): Promise<Result<SignedCheckpoint | null, Fault>> {
    const { knex, log, key, history, clock } = this.#deps
    const { size, root } = await log.head()
    if (size < this.#verified.size)
      return err(auditFault(`The audit log has shrunk from ${this.#verified.size} events to ${size}`))
    const frontier = await advanceFrontier(knex, this.#verified, size)
    if (frontier.size !== size || !rootOf(frontier).equals(root)) {
      return err(
        auditFault(
          `The audit log of ${size} events does not continue the one of ${this.#verified.size} that was verified before`,
        ),
      )
    }
    if (size === (this.#last?.size ?? 0)) return ok(this.#last)
    const note = signCheckpoint(key, { size, root })
    await this.#store.add({ size, root, frontier, note, keyId: key.fingerprint, at: new Date(clock.now()) })
    await history.add(note)
    this.#verified = frontier
    this.#last = { size, root, note }
    return ok(this.#last)
  }
}
