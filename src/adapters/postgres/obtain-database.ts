import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { DatabaseAddress } from './connection-settings.ts'
import { startEmbeddedCluster } from './embedded-cluster.ts'
import { reachDatabase } from './reach-database.ts'

export interface ObtainedDatabase {
  readonly address: DatabaseAddress
  readonly stop: () => Promise<void>
}

/**
 * Reaches the operator's database, or starts an embedded one where none is named.
 * @param of.directory where the embedded cluster lies
 * @throws FaultError
 */
export async function obtainDatabase(
  of: { readonly url: Secret<string> | undefined; readonly directory: string },
  log: Log,
): Promise<ObtainedDatabase> {
  const { url, directory } = of
  if (url !== undefined) {
    await reachDatabase(url, log)
    return { address: { url }, stop: async () => {} }
  }
  const cluster = await startEmbeddedCluster({ directory, log })
  return { address: { connection: cluster.connection }, stop: () => cluster.stop() }
}
