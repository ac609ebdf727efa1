import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { createPrivateFile, readPrivateFile } from '../../kernel/private-file.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const KEY_BYTES = 32

/** What is derived from the deployment's secret key. The key itself is in its file and nowhere else. */
export interface SealedBoxKey {
  /** Tells which key it is, and nothing about it: `sha256:` and hex. */
  readonly fingerprint: string
  /** Wraps the key of each sealed value. */
  readonly keyEncryptionKey: Buffer
  /** A 256-bit key for another purpose, the same on every replica (HKDF-SHA-256, RFC 5869, the label as info). */
  deriveKey(label: string): Buffer
}

export interface SealedBoxKeyDeps {
  readonly knex: Knex
  readonly clock: Clock
  /** 32 random bytes in base64, mode 0600, in a directory of mode 0700. */
  readonly keyFile: string
}

/**
 * Loads the key of this database's sealed values, or creates it for a database that has none yet.
 * @returns CONFIGURATION_INVALID when the file is missing, open to others, damaged, or of another database
 */
export async function loadSealedBoxKey({
  knex,
  clock,
  keyFile,
}: SealedBoxKeyDeps): Promise<Result<SealedBoxKey, Fault>> {
  const expected = await readFingerprint(knex)
  let text = await readPrivateFile(keyFile)
  if (text.ok && text.value === undefined) {
    if (expected !== undefined) {
      return err(
        keyFault(
          `${keyFile} is missing, but the secrets of this database are sealed with its key (${expected}): put it back from the backup`,
        ),
      )
    }
    text = await createPrivateFile(keyFile, `${randomBytes(KEY_BYTES).toString('base64')}\n`)
  }
  if (!text.ok) return text
  const key = keyFrom(text.value ?? '')
  if (key === undefined) return err(keyFault(`${keyFile} does not hold a key: 32 bytes in base64`))
  const known = expected ?? (await recordFingerprint(knex, key.fingerprint, clock))
  if (known === key.fingerprint) return ok(key)
  return err(
    keyFault(
      `the key in ${keyFile} (${key.fingerprint}) does not fit the database, whose secrets are sealed with ${known}`,
    ),
  )
}

/** The fingerprint of the key that the database's values are sealed with, if any were. */
export async function readFingerprint(knex: Knex): Promise<string | undefined> {
  const row: { fingerprint: string } | undefined = await knex('installation_keys')
    .where({ purpose: 'secrets' })
    .first('fingerprint')
  return row?.fingerprint
}

/** @returns the fingerprint that the database knows now: another replica may have been first */
async function recordFingerprint(knex: Knex, fingerprint: string, clock: Clock): Promise<string | undefined> {
  await knex('installation_keys')
    .insert({ purpose: 'secrets', fingerprint, created_at: new Date(clock.now()) })
    .onConflict('purpose')
    .ignore()
  return readFingerprint(knex)
}

function keyFrom(text: string): SealedBoxKey | undefined {
  const master = Buffer.from(text, 'base64')
  if (master.length !== KEY_BYTES || master.toString('base64') !== text.trim()) return undefined
  const deriveKey = (label: string) => Buffer.from(hkdfSync('sha256', master, '', `certlocker/v1/${label}`, KEY_BYTES))
  return {
    fingerprint: `sha256:${createHash('sha256').update(deriveKey('fingerprint')).digest('hex')}`,
    keyEncryptionKey: deriveKey('sealed-box key encryption'),
    deriveKey,
  }
}

function keyFault(message: string): Fault {
  return fault('CONFIGURATION_INVALID', { message })
}
