import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { createPrivateFile, readPrivateFile } from '../../kernel/private-file.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { CheckpointSigner } from './checkpoint.ts'

const ORIGIN_CHARACTERS = 16

/** The Ed25519 key that signs the log's checkpoints. The origin is `certlocker/` and the start of its fingerprint. */
export interface AuditKey extends CheckpointSigner {
  /** Lower-case hex SHA-256 of the public key (SPKI, DER). */
  readonly fingerprint: string
  /** What auditors are given (SPKI, PEM). */
  readonly publicPem: string
}

export interface AuditKeyDeps {
  readonly knex: Knex
  readonly clock: Clock
  readonly keyFile: string
}

/**
 * Loads the key of this database's log, or creates it for a database that has none yet.
 * @returns CONFIGURATION_INVALID when the file is missing, open to others, damaged, or of another database
 */
export async function loadAuditKey({ knex, clock, keyFile }: AuditKeyDeps): Promise<Result<AuditKey, Fault>> {
  const expected = await knownFingerprint(knex)
  let pem = await readPrivateFile(keyFile)
  if (pem.ok && pem.value === undefined) {
    if (expected !== undefined)
      return err(
        keyFault(
          `${keyFile} is missing, but the audit log of this database was signed with its key (${expected}): put it back from the backup`,
        ),
      )
    pem = await createPrivateFile(keyFile, newKeyPem())
  }
  if (!pem.ok) return pem
  const key = readKey(pem.value ?? '')
  if (key === undefined) return err(keyFault(`${keyFile} does not hold an Ed25519 private key (PKCS #8, PEM)`))
  const recorded = expected ?? (await recordFingerprint(knex, key.fingerprint, clock))
  if (recorded === key.fingerprint) return ok(key)
  return err(
    keyFault(
      `the key in ${keyFile} (${key.fingerprint}) does not fit the database, whose audit log was signed with ${recorded}`,
    ),
  )
}

function newKeyPem(): string {
  return generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey
}

function readKey(pem: string): AuditKey | undefined {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
  } catch {
    return undefined
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') return undefined
  const publicKey = createPublicKey(privateKey)
  const fingerprint = hash('sha256', publicKey.export({ type: 'spki', format: 'der' }))
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  return {
    origin: `certlocker/${fingerprint.slice(0, ORIGIN_CHARACTERS)}`,
    privateKey,
    publicKey,
    fingerprint,
    publicPem,
  }
}

async function knownFingerprint(knex: Knex): Promise<string | undefined> {
  const row: { fingerprint: string } | undefined = await knex('installation_keys')
    .where({ purpose: 'audit' })
    .first('fingerprint')
  return row?.fingerprint
}

/** @returns the fingerprint that the database knows now: another replica may have been first */
async function recordFingerprint(knex: Knex, fingerprint: string, clock: Clock): Promise<string | undefined> {
  await knex('installation_keys')
    .insert({ purpose: 'audit', fingerprint, created_at: new Date(clock.now()) })
    .onConflict('purpose')
    .ignore()
  return knownFingerprint(knex)
}

function keyFault(message: string): Fault {
  return fault('CONFIGURATION_INVALID', { message })
}
