import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { SecretVersionDeps } from './append-version.ts'
import { isSameToPolicy, type SecretRecord, secretResource } from './secret.ts'

export interface RevealedSecret {
  readonly name: string
  readonly version: number
  readonly value: Secret<string>
}

/**
 * Shows a value to a person. That it was shown is in the log before it is.
 * @param secret as it was when the policy decided
 * @param version left out: the one that was current then
 * @returns the value, GATEWAY_RESOURCE_CHANGED when the secret is another to the policy than it was, or is gone,
 * VERSION_UNKNOWN, or the fault of the secret store
 */
export async function revealSecret(
  deps: Omit<SecretVersionDeps, 'clock'>,
  by: Author,
  secret: SecretRecord,
  version?: number,
): Promise<Result<RevealedSecret, Fault>> {
  const pinned = await deps.secrets.findVersion(secret.id, version ?? secret.currentVersion)
  if (pinned === undefined) return err(fault('VERSION_UNKNOWN'))
  const value = await deps.source.read(pinned.storePath, pinned.storeVersion)
  if (!value.ok) return value
  return deps.inTransaction(async (work) => {
    const present = await work.secrets.findForUpdate(secret.id)
    if (present === undefined || !isSameToPolicy(present, secret)) return err(fault('GATEWAY_RESOURCE_CHANGED'))
    const resource = secretResource(secret, pinned.version)
    work.record(changeEntry(by, { type: 'SECRET_REVEALED', resource, details: { version: pinned.version } }))
    return ok({ name: secret.name, version: pinned.version, value: value.value })
  })
}
