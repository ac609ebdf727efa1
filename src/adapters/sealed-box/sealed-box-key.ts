import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const KEY_BYTES = 32
const OTHERS = 0o077

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
 * @returns a fault to stop with when the file is missing, open to others, damaged, or of another database
 */
export async function loadSealedBoxKey({
  knex,
  clock,
  keyFile,
}: SealedBoxKeyDeps): Promise<Result<SealedBoxKey, Fault>> {
  const expected = await readFingerprint(knex)
  let text = await readKeyFile(keyFile)
  if (text.ok && text.value === undefined) {
    if (expected !== undefined) {
      return err(
        keyFault(
          `${keyFile} is missing, but the secrets of this database are sealed with its key (${expected}): put it back from the backup`,
        ),
      )
    }
    text = await createKeyFile(keyFile, randomBytes(KEY_BYTES).toString('base64'))
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

/** @returns the file's text, undefined when there is none, or a fault when anyone but its owner can get at it */
async function readKeyFile(path: string): Promise<Result<string | undefined, Fault>> {
  try {
    for (const [place, remedy] of [
      [dirname(path), 'chmod 700'],
      [path, 'chmod 600'],
    ] as const) {
      const { mode } = await stat(place)
      if ((mode & OTHERS) !== 0)
        return err(keyFault(`${place} can be used by others than its owner: ${remedy} ${place}`))
    }
    return ok(await readFile(path, 'utf8'))
  } catch (error) {
    return codeOf(error) === 'ENOENT'
      ? ok(undefined)
      : err(keyFault(`${path} cannot be read (${codeOf(error)})`, error))
  }
}

/** Creates the file in one step and durably. @returns the text it has now: another process may have been first */
async function createKeyFile(path: string, text: string): Promise<Result<string | undefined, Fault>> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeDurably(temporary, text)
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return err(keyFault(`${path} cannot be created (${codeOf(error)})`, error))
  } finally {
    await rm(temporary, { force: true })
  }
  return readKeyFile(path)
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(`${text}\n`)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function keyFault(message: string, cause?: unknown): Fault {
  return fault('SECRET_STORE_UNAVAILABLE', { message, cause })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
