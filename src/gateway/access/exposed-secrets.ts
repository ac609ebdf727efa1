import type { Exposure, ExposureStore } from '../../domain/audit/exposure-store.ts'
import type { Paged } from '../../domain/page.ts'
import type { SecretRecord } from '../../domain/secrets/secret.ts'
import type { SecretStore } from '../../domain/secrets/secret-store.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'

/** A secret version that an agent was given: what to rotate while its content is still in use. */
export interface ExposedSecret {
  readonly secret: {
    readonly id: string
    readonly name: string
    readonly groups: readonly string[]
    readonly environment: string
  }
  readonly version: number
  /** `current`: the value that it has now, also when a later version restored it. `deleted`: the secret is no more. */
  readonly state: 'current' | 'superseded' | 'deleted'
  readonly reads: number
  readonly firstReadAt: string
  readonly lastReadAt: string
}

interface ExposedDeps {
  readonly exposures: Pick<ExposureStore, 'ofAgent'>
  readonly secrets: Pick<SecretStore, 'find' | 'findVersion'>
}

/**
 * The secret versions that an agent has read, the last read first.
 * @param question.isVisible what may be shown to whoever asks, of a secret or of one that is deleted; pages may be short
 */
export async function exposedSecrets(
  { exposures, secrets }: ExposedDeps,
  {
    agentId,
    isVisible,
  }: { readonly agentId: string; readonly isVisible: (secret: SecretRecord | undefined) => boolean },
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): Promise<Result<Paged<ExposedSecret>, Fault>> {
  const found = await exposures.ofAgent(agentId, limit, cursor)
  if (!found.ok) return found
  const items: ExposedSecret[] = []
  for (const exposure of found.value.items) {
    const secret = await secrets.find(exposure.secretId)
    if (!isVisible(secret)) continue
    items.push({
      secret: {
        id: exposure.secretId,
        name: exposure.secretName,
        groups: [...(secret?.groups ?? [])],
        environment: secret?.environment ?? '',
      },
      version: exposure.version,
      state: await stateOf(secrets, secret, exposure),
      reads: exposure.reads,
      firstReadAt: exposure.firstReadAt.toISOString(),
      lastReadAt: exposure.lastReadAt.toISOString(),
    })
  }
  return ok({ items, nextCursor: found.value.nextCursor })
}

async function stateOf(
  secrets: ExposedDeps['secrets'],
  secret: SecretRecord | undefined,
  { version }: Exposure,
): Promise<ExposedSecret['state']> {
  if (secret === undefined) return 'deleted'
  const inUse = await originOf(secrets, secret.id, secret.currentVersion)
  return inUse === (await originOf(secrets, secret.id, version)) ? 'current' : 'superseded'
}

/** The version that first had the content: a restored version repeats an older one. */
async function originOf(secrets: ExposedDeps['secrets'], secretId: string, version: number): Promise<number> {
  let origin = version
  for (;;) {
    const { restoredFrom = null } = (await secrets.findVersion(secretId, origin)) ?? {}
    if (restoredFrom === null) return origin
    origin = restoredFrom
  }
}
