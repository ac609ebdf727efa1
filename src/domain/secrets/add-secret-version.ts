import type { Fault } from '../../kernel/fault.ts'
import { err, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import { appendVersion, type SecretVersionDeps } from './append-version.ts'
import { noSecret, type SecretRecord, storePath } from './secret.ts'
import { secretValue } from './secret-value.ts'

/**
 * Gives a secret a new value, as its next version. Approvals for the old version do not count for the new one.
 * @returns the secret, NOT_FOUND, ARGUMENT_INVALID, or the fault of the secret store
 */
export async function addSecretVersion(
  deps: SecretVersionDeps,
  by: Author,
  idOrName: string,
  text: string,
): Promise<Result<SecretRecord, Fault>> {
  const value = secretValue(text)
  if (!value.ok) return value
  const secret = await deps.secrets.find(idOrName)
  if (secret === undefined) return err(noSecret(idOrName))
  const stored = await deps.source.write(storePath(secret.id), value.value)
  if (!stored.ok) return stored
  return appendVersion(deps, by, secret.id, { storeVersion: stored.value, restoredFrom: null })
}
