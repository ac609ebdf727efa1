import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { SecretVersionDeps } from './append-version.ts'
import { noSecret, secretResource } from './secret.ts'

export interface RevealedSecret {
  readonly name: string
  readonly version: number
  readonly value: Secret<string>
}

/**
 * Shows a value to a person. That it was shown is in the log before it is.
 * @param version left out: the current one
 * @returns the value, NOT_FOUND, VERSION_UNKNOWN, or the fault of the secret store
 */
export async function revealSecret(
  deps: Omit<SecretVersionDeps, 'clock'>,
  by: Author,
  idOrName: string,
  version?: number,
): Promise<Result<RevealedSecret, Fault>> {
  const secret = await deps.secrets.find(idOrName)
  if (secret === undefined) return err(noSecret(idOrName))
  const pinned = await deps.secrets.findVersion(secret.id, version ?? secret.currentVersion)
  if (pinned === undefined) return err(fault('VERSION_UNKNOWN'))
  const value = await deps.source.read(pinned.storePath, pinned.storeVersion)
  if (!value.ok) return value
  return deps.inTransaction(async (work) => {
    if ((await work.secrets.find(secret.id)) === undefined) return err(noSecret(idOrName))
    const resource = secretResource(secret, pinned.version)
    work.record(changeEntry(by, { type: 'SECRET_REVEALED', resource, details: { version: pinned.version } }))
    return ok({ name: secret.name, version: pinned.version, value: value.value })
  })
}
