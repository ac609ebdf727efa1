import type { Knex } from 'knex'
import { bearerHash, mintBearer } from '../../kernel/bearer.ts'
import type { Secret } from '../../kernel/secret.ts'

/** The bearer of the built-in admin service account, as a hash; its value only when it was generated just now. */
export interface BootstrapKey {
  readonly hash: Buffer
  readonly generated: Secret<string> | undefined
}

/**
 * The configured key, else the one generated at the first start, whose hash the database keeps. Several replicas that
 * start at once agree on one; only the one that made it knows the value.
 */
export async function bootstrapKey(
  knex: Knex,
  configured: Secret<string> | undefined,
  now: Date,
): Promise<BootstrapKey> {
  if (configured !== undefined) return { hash: bearerHash(configured.expose()), generated: undefined }
  const minted = mintBearer('clk_api')
  const inserted: unknown[] = await knex('installation_keys')
    .insert({ purpose: 'bootstrap', fingerprint: minted.hash.toString('hex'), created_at: now })
    .onConflict('purpose')
    .ignore()
    .returning('purpose')
  if (inserted.length > 0) return { hash: minted.hash, generated: minted.value }
  const known: { fingerprint: string } | undefined = await knex('installation_keys')
    .where({ purpose: 'bootstrap' })
    .first('fingerprint')
  if (known === undefined) throw new Error('the bootstrap key vanished while the gateway started')
  return { hash: Buffer.from(known.fingerprint, 'hex'), generated: undefined }
}
