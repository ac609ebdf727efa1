import type { Knex } from 'knex'
import type { SecretSource, StoreVersion } from '../../domain/secrets/secret-source.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { type Envelope, type EnvelopePlace, seal, unseal } from './envelope.ts'
import type { SealedBoxKey } from './sealed-box-key.ts'
import { readKnownKeys } from './sealing-keys.ts'

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
        const place = await this.#nextPlace(path)
        const key = await this.#deps.key.keyEncryptionKey(place.keyId)
        if (key === undefined) return err(generationMissing(place.keyId))
        if (await this.#insert(place, seal(key, place, value.expose()))) return ok(String(place.version))
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
      const keyEncryptionKey = await this.#deps.key.keyEncryptionKey(row.key_id)
      if (keyEncryptionKey === undefined) return err(generationMissing(row.key_id))
      const opened = open(keyEncryptionKey, { keyId: row.key_id, path, version: Number(version) }, row)
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
      const { knex, key } = this.#deps
      const known = await readKnownKeys(knex)
      if (known?.first !== key.fingerprint) return { ok: false, detail: 'the key does not fit the database' }
      for (const fingerprint of known.sealing) {
        if ((await key.keyEncryptionKey(fingerprint)) === undefined)
          return { ok: false, detail: `the key file lacks the generation ${fingerprint}` }
      }
      return { ok: true, detail: 'sealed-box' }
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

  /** Asks for the generation every time: from the moment of a rotation, nothing is sealed with an older one. */
  async #nextPlace(path: string): Promise<EnvelopePlace> {
    const { rows }: { rows: { version: number; key_id: string | null }[] } = await this.#deps.knex.raw(
      `SELECT coalesce(max(version), -1) + 1 AS version,
        (SELECT fingerprint FROM sealing_keys ORDER BY generation DESC LIMIT 1) AS key_id
       FROM sealed_values WHERE path = ?`,
      [path],
    )
    const [row] = rows
    if (!row?.key_id) throw new Error('the database knows no key to seal with')
    return { keyId: row.key_id, path, version: row.version }
  }

  async #insert(place: EnvelopePlace, { wrappedKey, sealed }: Envelope): Promise<boolean> {
    const { knex, clock } = this.#deps
    const { keyId, path, version } = place
    const inserted: unknown[] = await knex('sealed_values')
      .insert({ path, version, key_id: keyId, wrapped_key: wrappedKey, sealed, created_at: new Date(clock.now()) })
      .onConflict(['path', 'version'])
      .ignore()
      .returning('version')
    return inserted.length > 0
  }
}

function open(
  keyEncryptionKey: Buffer,
  place: EnvelopePlace,
  { wrapped_key: wrappedKey, sealed }: SealedRow,
): Result<Secret<string>, Fault> {
  try {
    return ok(new Secret(unseal(keyEncryptionKey, place, { wrappedKey, sealed })))
  } catch (cause) {
    return err(
      fault('SECRET_VALUE_DAMAGED', {
        detail: `sealed value ${place.path} version ${place.version} was altered, or belongs to another key than ${place.keyId}`,
        cause,
      }),
    )
  }
}

function generationMissing(fingerprint: string): Fault {
  return fault('SECRET_STORE_UNAVAILABLE', {
    detail: `the key file lacks the generation ${fingerprint}: take the key file of the other replicas`,
  })
}

function unavailable(cause: unknown): Fault {
  return fault('SECRET_STORE_UNAVAILABLE', { detail: 'the database of the sealed values gives no answer', cause })
}
