import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { noSecret, type SecretRecord, secretResource, secretView, storePath } from './secret.ts'
import type { SecretSource, StoreVersion } from './secret-source.ts'
import type { SecretStore } from './secret-store.ts'

export interface SecretVersionDeps {
  readonly inTransaction: InTransaction
  /** Bound to the pool: the store of values is spoken to outside of any transaction. */
  readonly secrets: SecretStore
  readonly source: SecretSource
  readonly clock: Clock
}

/** Makes a value that is stored already the current version of a secret. NOT_FOUND when the secret is gone meanwhile. */
export async function appendVersion(
  deps: Pick<SecretVersionDeps, 'inTransaction' | 'clock'>,
  by: Author,
  secretId: string,
  stored: { readonly storeVersion: StoreVersion; readonly restoredFrom: number | null },
): Promise<Result<SecretRecord, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.secrets.findForUpdate(secretId)
    if (before === undefined) return err(noSecret(secretId))
    const after = await work.secrets.save({ ...before, currentVersion: before.currentVersion + 1 })
    await work.secrets.insertVersion(secretId, {
      ...stored,
      version: after.currentVersion,
      storePath: storePath(secretId),
      source: null,
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.id,
    })
    const { restoredFrom } = stored
    work.record(
      changeEntry(by, {
        type: restoredFrom === null ? 'SECRET_UPDATED' : 'SECRET_RESTORED',
        resource: secretResource(after),
        details: {
          ...(restoredFrom === null ? {} : { restoredFrom }),
          before: secretView(before),
          after: secretView(after),
        },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}
