import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { createKeyFile, type Generation, type Generations, keyFault, readKeyFile } from './key-file.ts'
import { type KnownKeys, readKnownKeys, recordFirstKey } from './sealing-keys.ts'

/** What is derived from the deployment's secret key. The key itself is in its file and nowhere else. */
export interface SealedBoxKey {
  /** Of the generation that the installation began with. */
  readonly fingerprint: string
  /** A 256-bit key for another purpose, from the first generation: the same on every replica, and after every rotation. */
  deriveKey(label: string): Buffer
  /**
   * The key that wraps the keys of values under one generation. Looks into the file again for one that it does not know.
   * @returns undefined when the file does not hold it either
   */
  keyEncryptionKey(fingerprint: string): Promise<Buffer | undefined>
}

export interface SealedBoxKeyDeps {
  readonly knex: Knex
  readonly clock: Clock
  /** 32 random bytes in base64, a line for each generation and the oldest first; mode 0600, in a directory of 0700. */
  readonly keyFile: string
}

/**
 * Loads the key of this database's sealed values, or creates it for a database that has none yet.
 * @returns CONFIGURATION_INVALID when the file is missing, open to others, damaged, without a generation, or of another
 * database
 */
export async function loadSealedBoxKey(deps: SealedBoxKeyDeps): Promise<Result<SealedBoxKey, Fault>> {
  const { knex, clock, keyFile } = deps
  const known = await readKnownKeys(knex)
  const held = known === undefined ? await readOrCreate(keyFile) : await fittingGenerations(keyFile, known)
  if (!held.ok) return held
  const now = known ?? (await recordFirstKey(knex, held.value[0].fingerprint, clock))
  const misfit = now === undefined ? undefined : misfitOf(keyFile, held.value, now)
  return misfit === undefined ? ok(new KeyOfFile(keyFile, held.value)) : err(misfit)
}

/** @returns all generations in the file, or CONFIGURATION_INVALID when one is missing that the database needs */
export async function fittingGenerations(keyFile: string, known: KnownKeys): Promise<Result<Generations, Fault>> {
  const held = await readKeyFile(keyFile)
  if (!held.ok) return held
  if (held.value === undefined) {
    return err(
      keyFault(
        `${keyFile} is missing, but the secrets of this database are sealed with its key (${known.first}): put it back from the backup`,
      ),
    )
  }
  const misfit = misfitOf(keyFile, held.value, known)
  return misfit === undefined ? ok(held.value) : err(misfit)
}

async function readOrCreate(keyFile: string): Promise<Result<Generations, Fault>> {
  const held = await readKeyFile(keyFile)
  if (!held.ok) return held
  return held.value === undefined ? createKeyFile(keyFile) : ok(held.value)
}

function misfitOf(keyFile: string, held: Generations, { first, sealing }: KnownKeys): Fault | undefined {
  if (held[0].fingerprint !== first)
    return keyFault(
      `the key in ${keyFile} (${held[0].fingerprint}) does not fit the database, whose secrets are sealed with ${first}`,
    )
  const lacking = sealing.filter((fingerprint) => held.every((each) => each.fingerprint !== fingerprint))
  if (lacking.length === 0) return undefined
  return keyFault(
    `${keyFile} lacks the generation ${lacking.join(' and ')}, which this database needs: take the key file of the other replicas, or put back the one that belongs to this database`,
  )
}

class KeyOfFile implements SealedBoxKey {
  readonly #keyFile: string
  readonly #first: Generation
  /** A generation stays, whatever happens to the file while the gateway runs. */
  readonly #known = new Map<string, Buffer>()

  constructor(keyFile: string, generations: Generations) {
    this.#keyFile = keyFile
    this.#first = generations[0]
    this.#learn(generations)
  }

  get fingerprint(): string {
    return this.#first.fingerprint
  }

  deriveKey(label: string): Buffer {
    return this.#first.deriveKey(label)
  }

  async keyEncryptionKey(fingerprint: string): Promise<Buffer | undefined> {
    if (!this.#known.has(fingerprint)) {
      const held = await readKeyFile(this.#keyFile)
      if (held.ok && held.value?.[0].fingerprint === this.fingerprint) this.#learn(held.value)
    }
    return this.#known.get(fingerprint)
  }

  #learn(generations: Generations): void {
    for (const { fingerprint, keyEncryptionKey } of generations) this.#known.set(fingerprint, keyEncryptionKey)
  }
}
