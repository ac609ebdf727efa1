import ssh2 from 'ssh2'
import type { BastionStore } from '../domain/ssh/bastion-store.ts'
import { fingerprintOf } from '../domain/ssh/fingerprint.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { createPrivateFile, readPrivateFile } from '../kernel/private-file.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { isEd25519Key, newSshKey } from '../kernel/ssh-key.ts'

/** The bastion's own host key, the same on every replica. */
export interface BastionHostKey {
  /** In OpenSSH's format. */
  readonly privateKey: Secret<string>
  /** An OpenSSH line. */
  readonly publicKey: string
}

/**
 * Loads the bastion's host key, or creates it for a database that has none yet.
 * @returns CONFIGURATION_INVALID when the file is missing, open to others, damaged, or of another database: clients that
 * have pinned the key would take another one for an attack
 */
export async function loadHostKey(
  bastions: Pick<BastionStore, 'hostKeyFingerprint' | 'recordHostKey'>,
  keyFile: string,
  clock: Clock,
): Promise<Result<BastionHostKey, Fault>> {
  const expected = await bastions.hostKeyFingerprint()
  let text = await readPrivateFile(keyFile)
  if (text.ok && text.value === undefined) {
    if (expected !== undefined)
      return err(
        keyFault(
          `${keyFile} is missing, but the bastion of this database has a host key (${expected}): put it back from the backup`,
        ),
      )
    text = await createPrivateFile(keyFile, newSshKey().privateKey.expose())
  }
  if (!text.ok) return text
  const key = readKey(text.value ?? '')
  if (key === undefined) return err(keyFault(`${keyFile} does not hold an Ed25519 private key in OpenSSH's format`))
  const fingerprint = fingerprintOf(key.publicKey)
  const recorded = expected ?? (await bastions.recordHostKey(fingerprint, new Date(clock.now())))
  if (recorded === fingerprint) return ok(key)
  return err(
    keyFault(
      `the key in ${keyFile} (${fingerprint}) does not fit the database, whose bastion has the host key ${recorded}`,
    ),
  )
}

function readKey(text: string): BastionHostKey | undefined {
  if (!isEd25519Key(text)) return undefined
  const parsed = ssh2.utils.parseKey(text)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined || key instanceof Error) return undefined
  return { privateKey: new Secret(text), publicKey: `${key.type} ${key.getPublicSSH().toString('base64')}` }
}

function keyFault(message: string): Fault {
  return fault('CONFIGURATION_INVALID', { message })
}
