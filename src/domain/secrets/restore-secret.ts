import { type Fault, fault } from '../../kernel/fault.ts'
import { err, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import { appendVersion, type SecretVersionDeps } from './append-version.ts'
import { noSecret, type SecretRecord, storePath } from './secret.ts'

/**
 * Makes the content of an older version current again, as a new version: history is never rewritten.
 * @returns the secret, NOT_FOUND, VERSION_UNKNOWN, or the fault of the secret store, for example when it kept no such value
 */
export async function restoreSecret(
  deps: SecretVersionDeps,
  by: Author,
  idOrName: string,
  version: number,
): Promise<Result<SecretRecord, Fault>> {
  const secret = await deps.secrets.find(idOrName)
  if (secret === undefined) return err(noSecret(idOrName))
  const old = await deps.secrets.findVersion(secret.id, version)
  if (old === undefined) return err(fault('VERSION_UNKNOWN'))
  const value = await deps.source.read(old.storePath, old.storeVersion)
  if (!value.ok) return value
  const stored = await deps.source.write(storePath(secret.id), value.value)
  if (!stored.ok) return stored
  return appendVersion(deps, by, secret.id, { storeVersion: stored.value, restoredFrom: version })
}
