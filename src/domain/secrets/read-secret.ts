import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { SecretRecord } from './secret.ts'
import type { GetSecretResult } from './secret.schema.ts'
import type { SecretSource } from './secret-source.ts'
import type { SecretStore } from './secret-store.ts'

export interface ReadSecretDeps {
  readonly secrets: Pick<SecretStore, 'findVersion'>
  readonly source: SecretSource
}

/**
 * Reads a value for an agent that was allowed to. Without a version it reads the one that was current when the policy
 * decided, also when a newer one came since: the decision was about that one.
 * @returns the tool's result; VERSION_UNKNOWN, also when the secret was deleted meanwhile; or the fault of the secret store
 */
export async function readSecret(
  deps: ReadSecretDeps,
  secret: SecretRecord,
  version?: number,
): Promise<Result<GetSecretResult, Fault>> {
  const pinned = await deps.secrets.findVersion(secret.id, version ?? secret.currentVersion)
  if (pinned === undefined) return err(fault('VERSION_UNKNOWN'))
  const value = await deps.source.read(pinned.storePath, pinned.storeVersion)
  if (!value.ok) return value
  const { name, groups, type } = secret
  return ok({ name, groups: [...groups], version: pinned.version, type, value: value.value.expose() })
}
