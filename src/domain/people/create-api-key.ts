import { mintBearer } from '../../kernel/bearer.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction } from '../work.ts'
import { type ApiKey, apiKeyResource, apiKeyView } from './api-key.ts'
import type { CreateApiKey } from './api-key.schema.ts'
import { reachOf } from './person.ts'

export interface CreatedApiKey {
  readonly apiKey: ApiKey
  /** `clk_api_…`: it exists here and never again. */
  readonly value: Secret<string>
}

/**
 * Mints a key for a person. Whoever mints it holds it, so they must have the person's groups themselves.
 * @returns the key and its value, REFERENCE_UNKNOWN, GROUP_NOT_PERMITTED, or STATE_CONFLICT when the person is disabled
 */
export async function createApiKey(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: CreateApiKey,
): Promise<Result<CreatedApiKey, Fault>> {
  return deps.inTransaction(async (work) => {
    const person = await work.people.findForUpdate(request.person)
    if (person === undefined) return err(fault('REFERENCE_UNKNOWN', { message: `No person ${request.person}` }))
    if (person.disabledAt !== null) return err(fault('STATE_CONFLICT', { message: `${person.email} is disabled` }))
    const beyond = beyondReach(reachOf(person), by.groups, 'the creator')
    if (beyond !== undefined) return err(beyond)
    const now = deps.clock.now()
    const { value, hash, prefix } = mintBearer('clk_api')
    const apiKey: ApiKey = {
      id: newId('key'),
      personId: person.id,
      person: person.email,
      name: request.name,
      prefix,
      expiresAt: new Date(now + request.ttlSeconds * 1000),
      revokedAt: null,
      createdAt: new Date(now),
      createdBy: by.actor.id,
      minters: [...new Set([by.actor.id, ...(by.keyMinters ?? [])])],
    }
    await work.apiKeys.insert(apiKey, hash)
    work.record(
      changeEntry(by, {
        type: 'API_KEY_CREATED',
        resource: apiKeyResource(apiKey, person),
        details: { before: null, after: apiKeyView(apiKey, now) },
      }),
    )
    return ok({ apiKey, value })
  })
}
