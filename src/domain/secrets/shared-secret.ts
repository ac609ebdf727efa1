import { type Fault, fault } from '../../kernel/fault.ts'
import { err, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { SecretSource } from './secret-source.ts'
import type { SecretStore } from './secret-store.ts'

export interface SharedSecretDeps {
  readonly secrets: Pick<SecretStore, 'findByName' | 'findVersion'>
  readonly source: Pick<SecretSource, 'read'>
}

/**
 * The current value of a shared secret that the operator's configuration names, for the gateway's own use.
 * @returns CONFIGURATION_INVALID when there is none of that name, or the fault of the secret store
 */
export async function sharedSecret(
  { secrets, source }: SharedSecretDeps,
  name: string,
): Promise<Result<Secret<string>, Fault>> {
  const secret = await secrets.findByName(name)
  const version = secret?.kind === 'shared' ? await secrets.findVersion(secret.id, secret.currentVersion) : undefined
  if (version === undefined)
    return err(
      fault('CONFIGURATION_INVALID', {
        message: `The configuration names the shared secret ${name}, which is not there`,
      }),
    )
  return source.read(version.storePath, version.storeVersion)
}
