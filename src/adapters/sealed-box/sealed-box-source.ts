import type { Knex } from 'knex'
import type { SecretSource, StoreVersion } from '../../domain/secrets/secret-source.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { type Envelope, seal, unseal } from './envelope.ts'
import { readFingerprint, type SealedBoxKey } from './sealed-box-key.ts'

/** Each try that fails means that another writer of the same path succeeded. */
const WRITE_TRIES = 16

/** Sealed values that are kept in memory, still sealed: a version never changes, and each read saves a round trip. */
const SEALED_ROWS_MAX = 2_000

const STORE_VERSION = /^(0|[1-9]\d{0,8})$/

interface SealedRow {
  readonly key_id: string
  readonly wrapped_key: Buffer
  readonly sealed: Buffer
}

export interface SealedBoxDeps {
  readonly knex: Knex
  readonly key: SealedBoxKey
  readonly clock: Clock
}

/**
 * The built-in secret store: values in the database, each sealed under its own key, and those under a key that is never
 * in the database. Who has only the database, or a backup of it, has no value; who writes to it can destroy values but
 * not exchange them.
 */
export class SealedBoxSource implements SecretSource {
  readonly kind = 'sealed-box'
  readonly #deps: SealedBoxDeps
  /** The least recently read comes first. */
  readonly #rows = new Map<string, SealedRow>()

  constructor(deps: SealedBoxDeps) {
    this.#deps = deps
  }

  async write(path: string, value: Secret<string>): Promise<Result<StoreVersion, Fault>> {
    try {
      for (let tries = 0; tries < WRITE_TRIES; tries++) {
        const version = await this.#nextVersion(path)
        if (await this.#insert(path, version, value)) return ok(String(version))
      }
    } catch (error) {
      return err(unavailable(error))
    }
    return err(
      fault('SECRET_STORE_UNAVAILABLE', { message: 'The secret is being written by too many at once; try again' }),
    )
  }

  async read(path: string, version: StoreVersion): Promise<Result<Secret<string>, Fault>> {
    if (!STORE_VERSION.test(version)) return err(fault('SECRET_VALUE_MISSING'))
    const key = `${path} ${version}`
    try {
      const row = this.#rows.get(key) ?? (await this.#find(path, Number(version)))
      if (row === undefined) return err(fault('SECRET_VALUE_MISSING'))
      const opened = this.#open(path, Number(version), row)
      if (opened.ok) this.#keep(key, row)
      return opened
    } catch (error) {
      return err(unavailable(error))
    }
  }

  async adopt(): Promise<Result<StoreVersion, Fault>> {
    return err(fault('ARGUMENT_INVALID', { message: 'source needs Vault, and no vault.address is set: give a value' }))
  }

  async check(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    try {
      const isFitting = (await readFingerprint(this.#deps.knex)) === this.#deps.key.fingerprint
      return { ok: isFitting, detail: isFitting ? 'sealed-box' : 'the key does not fit the database' }
    } catch {
      return { ok: false, detail: 'the database cannot be reached' }
    }
  }

  async #find(path: string, version: number): Promise<SealedRow | undefined> {
    return this.#deps.knex('sealed_values').where({ path, version }).first('key_id', 'wrapped_key', 'sealed')
  }

  #keep(key: string, row: SealedRow): void {
    this.#rows.delete(key)
    this.#rows.set(key, row)
    const [eldest] = this.#rows.keys()
    if (this.#rows.size > SEALED_ROWS_MAX && eldest !== undefined) this.#rows.delete(eldest)
  }

  async #nextVersion(path: string): Promise<number> {
    const row = await this.#deps.knex('sealed_values').where({ path }).max({ latest: 'version' }).first()
    return (row?.['latest'] ?? -1) + 1
  }

  async #insert(path: string, version: number, value: Secret<string>): Promise<boolean> {
    const { knex, key, clock } = this.#deps
    const { wrappedKey, sealed } = seal(key.keyEncryptionKey, { keyId: key.fingerprint, path, version }, value.expose())
    const inserted: unknown[] = await knex('sealed_values')
      .insert({
        path,
        version,
        key_id: key.fingerprint,
        wrapped_key: wrappedKey,
        sealed,
        created_at: new Date(clock.now()),
      })
      .onConflict(['path', 'version'])
      .ignore()
      .returning('version')
    return inserted.length > 0
  }

  #open(path: string, version: number, row: SealedRow): Result<Secret<string>, Fault> {
    const envelope: Envelope = { wrappedKey: row.wrapped_key, sealed: row.sealed }
    try {
      return ok(new Secret(unseal(this.#deps.key.keyEncryptionKey, { keyId: row.key_id, path, version }, envelope)))
    } catch (cause) {
      return err(
        fault('SECRET_VALUE_DAMAGED', {
          detail: `sealed value ${path} version ${version} was altered, or belongs to the key ${row.key_id}`,
          cause,
        }),
      )
    }
  }
}

function unavailable(cause: unknown): Fault {
  return fault('SECRET_STORE_UNAVAILABLE', { detail: 'the database of the sealed values gives no answer', cause })
}
