import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, FaultError, fault, must } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { transaction } from '../postgres/transaction.ts'
import { type Generation, type Generations, newGeneration, replaceKeyFile } from './key-file.ts'
import { resealAll, type Resealed } from './reseal.ts'
import { fittingGenerations } from './sealed-box-key.ts'
import { dropOldKeys, type KnownKeys, readKnownKeys, recordNextKey } from './sealing-keys.ts'

/** `keys` and `file` in ASCII: one command at a time changes the generations. */
const LOCK = '1801812339, 1718185061'

export interface KeyRotationDeps {
  readonly knex: Knex
  readonly clock: Clock
  readonly keyFile: string
}

/**
 * Changes the generations of the sealed-box key, beside running gateways or without any. After a crash at any moment every
 * value can still be read, and the same step, taken again, goes on where it ended.
 *
 * The order is what makes it safe: a generation is on disk before the database knows it, and the database has forgotten it
 * before it leaves the disk. In the file, those after the last that the database knows are prepared for a rotation, those
 * before it that the database does not know are left over from one.
 */
export class KeyRotation {
  readonly #deps: KeyRotationDeps

  constructor(deps: KeyRotationDeps) {
    this.#deps = deps
  }

  /**
   * Puts the next generation into the file, where no value uses it yet.
   * @returns its fingerprint; that of the one that is there already, if there is one
   */
  async prepare(): Promise<Result<string, Fault>> {
    return this.#alone(async (_, { known, held }) => (await this.#prepared(known, held)).fingerprint)
  }

  /** Has every replica seal with the next generation from now on. @returns its fingerprint */
  async advance(): Promise<Result<string, Fault>> {
    return this.#alone(async (trx, { known, held }) => {
      const { fingerprint } = await this.#prepared(known, held)
      await recordNextKey(trx, fingerprint, this.#deps.clock)
      return fingerprint
    })
  }

  /** Seals every value anew that is sealed with an older generation. */
  async reseal(): Promise<Result<Resealed, Fault>> {
    const known = await readKnownKeys(this.#deps.knex)
    if (known === undefined) return err(noKey())
    const held = await fittingGenerations(this.#deps.keyFile, known)
    return held.ok ? ok(await resealAll(this.#deps.knex, keysFor(known, held.value))) : held
  }

  /**
   * Drops the older generations, from the database and then from the file, where the first one stays.
   * @returns the fingerprints that left the file, or STATE_CONFLICT while a value needs one of them: nothing is dropped then
   */
  async prune(): Promise<Result<readonly string[], Fault>> {
    const dropped = await this.#alone(async (trx) => {
      const needed = await dropOldKeys(trx)
      if (needed.length > 0) throw new FaultError(stillNeeded(needed))
    })
    if (!dropped.ok) return dropped
    return this.#alone(async (_, { known, held: [first, ...others] }) => {
      const lastKnown = others.findLastIndex(({ fingerprint }) => known.sealing.includes(fingerprint))
      const left = others.filter(({ fingerprint }, at) => at < lastKnown && !known.sealing.includes(fingerprint))
      const kept: Generations = [first, ...others.filter((each) => !left.includes(each))]
      if (left.length > 0) must(await replaceKeyFile(this.#deps.keyFile, kept))
      return left.map(({ fingerprint }) => fingerprint)
    })
  }

  async #prepared(known: KnownKeys, held: Generations): Promise<Generation> {
    const lastKnown = held.findLastIndex(({ fingerprint }) => known.sealing.includes(fingerprint))
    const waiting = held[lastKnown + 1]
    if (waiting !== undefined) return waiting
    const next = newGeneration()
    must(await replaceKeyFile(this.#deps.keyFile, [...held, next]))
    return next
  }

  /** One step in one transaction, while no other command is at it. */
  async #alone<T>(
    step: (trx: Knex.Transaction, keys: { known: KnownKeys; held: Generations }) => Promise<T>,
  ): Promise<Result<T, Fault>> {
    try {
      return ok(
        await transaction(this.#deps.knex, async (trx) => {
          const { rows }: { rows: { taken: boolean }[] } = await trx.raw(
            `SELECT pg_try_advisory_xact_lock(${LOCK}) AS taken`,
          )
          if (rows[0]?.taken !== true) throw new FaultError(busy())
          const known = await readKnownKeys(trx)
          if (known === undefined) throw new FaultError(noKey())
          return step(trx, { known, held: must(await fittingGenerations(this.#deps.keyFile, known)) })
        }),
      )
    } catch (error) {
      if (error instanceof FaultError) return err(error.fault)
      throw error
    }
  }
}

function keysFor({ sealing }: KnownKeys, held: Generations) {
  return {
    current: sealing.at(-1) ?? '',
    keyEncryptionKeys: new Map(held.map(({ fingerprint, keyEncryptionKey }) => [fingerprint, keyEncryptionKey])),
  }
}

function stillNeeded(needed: readonly { fingerprint: string; values: number }[]): Fault {
  const which = needed.map(({ fingerprint, values }) => `${values} sealed with ${fingerprint}`).join(', ')
  return fault('STATE_CONFLICT', {
    message: `Values still need an older generation (${which}): seal them anew with certlocker keys reseal`,
  })
}

function busy(): Fault {
  return fault('STATE_CONFLICT', { message: 'Another command is changing the keys of this database: try again later' })
}

function noKey(): Fault {
  return fault('STATE_CONFLICT', { message: 'This database has no key yet: start the gateway once' })
}
