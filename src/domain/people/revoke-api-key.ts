import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type ApiKey, apiKeyResource, apiKeyView } from './api-key.ts'

/**
 * Ends a key for good. Repeating it answers the same and records nothing.
 * @returns the revoked key, or NOT_FOUND
 */
export async function revokeApiKey(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  id: string,
): Promise<Result<ApiKey, Fault>> {
  return deps.inTransaction(async (work) => {
    const found = await work.apiKeys.findForUpdate(id)
    if (found === undefined) return err(fault('NOT_FOUND', { message: `No API key ${id}` }))
    const { apiKey: before, person } = found
    if (before.revokedAt !== null) return ok(before)
    const now = deps.clock.now()
    const after: ApiKey = { ...before, revokedAt: new Date(now) }
    await work.apiKeys.save(after)
    work.record(
      changeEntry(by, {
        type: 'API_KEY_REVOKED',
        resource: apiKeyResource(after, person),
        details: { before: apiKeyView(before, now), after: apiKeyView(after, now) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}
