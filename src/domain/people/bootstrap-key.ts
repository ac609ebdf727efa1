import type { Knex } from 'knex'
import { bearerHash, mintBearer } from '../../kernel/bearer.ts'
import type { Secret } from '../../kernel/secret.ts'

interface BootstrapKeyOptions {
  readonly configured: Secret<string> | undefined
  readonly now: Date
  /** Shows a key that was generated just now: nothing else ever does. */
  readonly show: (key: Secret<string>) => void
}

/**
 * The hash of the built-in admin service account's bearer: of the configured key, else of the one generated at the first
 * start, whose hash the database keeps. Several replicas that start at once agree on one; only the one that made it shows
 * it. It is shown before it counts: a start that fails right after leaves a key that somebody has seen.
 */
export async function bootstrapKeyHash(knex: Knex, { configured, now, show }: BootstrapKeyOptions): Promise<Buffer> {
  if (configured !== undefined) return bearerHash(configured.expose())
  const minted = mintBearer('clk_api')
  const isNew = await knex.transaction(async (transaction) => {
    const inserted: unknown[] = await transaction('installation_keys')
      .insert({ purpose: 'bootstrap', fingerprint: minted.hash.toString('hex'), created_at: now })
      .onConflict('purpose')
      .ignore()
      .returning('purpose')
    if (inserted.length > 0) show(minted.value)
    return inserted.length > 0
  })
  if (isNew) return minted.hash
  const known: { fingerprint: string } | undefined = await knex('installation_keys')
    .where({ purpose: 'bootstrap' })
    .first('fingerprint')
  if (known === undefined) throw new Error('the bootstrap key vanished while the gateway started')
  return Buffer.from(known.fingerprint, 'hex')
}
