import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { noSecret, type SecretRecord, secretResource, secretView } from './secret.ts'

/**
 * Takes a secret out of use. Nobody finds it any more and its name is free again; what the log says of it stays true.
 * @returns the secret as it was, or NOT_FOUND
 */
export async function deleteSecret(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  idOrName: string,
): Promise<Result<SecretRecord, Fault>> {
  return deps.inTransaction(async (work) => {
    const secret = await work.secrets.findForUpdate(idOrName)
    if (secret === undefined) return err(noSecret(idOrName))
    await work.secrets.delete(secret.id, new Date(deps.clock.now()))
    work.record(
      changeEntry(by, {
        type: 'SECRET_DELETED',
        resource: secretResource(secret),
        details: { before: secretView(secret), after: null },
      }),
    )
    work.advanceAuthority()
    return ok(secret)
  })
}
