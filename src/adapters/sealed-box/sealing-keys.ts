import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'

/** What the database knows of the sealed-box key. */
export interface KnownKeys {
  /** Fingerprint of the generation that the installation began with, and from which its other keys are derived. */
  readonly first: string
  /** Fingerprints of the generations that values may be sealed with, the oldest first. */
  readonly sealing: readonly string[]
}

/** @returns undefined for a database that belongs to no key yet */
export async function readKnownKeys(knex: Knex): Promise<KnownKeys | undefined> {
  const { rows }: { rows: { first: string; sealing: string[] }[] } = await knex.raw(`
    SELECT fingerprint AS first,
      ARRAY(SELECT sealing_keys.fingerprint FROM sealing_keys ORDER BY generation) AS sealing
    FROM installation_keys WHERE purpose = 'secrets'`)
  return rows[0]
}

/** @returns what the database knows now: another replica may have been first */
export async function recordFirstKey(knex: Knex, fingerprint: string, clock: Clock): Promise<KnownKeys | undefined> {
  await knex.raw(
    `WITH recorded AS (
      INSERT INTO installation_keys (purpose, fingerprint, created_at) VALUES ('secrets', ?, ?)
      ON CONFLICT (purpose) DO NOTHING RETURNING fingerprint, created_at
    ) INSERT INTO sealing_keys (fingerprint, generation, created_at) SELECT fingerprint, 1, created_at FROM recorded`,
    [fingerprint, new Date(clock.now())],
  )
  return readKnownKeys(knex)
}

/** From its commit on, every replica seals with this generation. */
export async function recordNextKey(knex: Knex, fingerprint: string, clock: Clock): Promise<void> {
  await knex.raw(
    `INSERT INTO sealing_keys (fingerprint, generation, created_at)
     SELECT ?, coalesce(max(generation), 0) + 1, ? FROM sealing_keys`,
    [fingerprint, new Date(clock.now())],
  )
}

/**
 * Drops every generation but the last.
 * @returns how many values need each generation that has to stay; empty when they were dropped
 */
export async function dropOldKeys(knex: Knex): Promise<readonly { fingerprint: string; values: number }[]> {
  // Nobody seals with a generation between the count and the deletion: the row lock waits for those who are at it.
  const old = await knex('sealing_keys')
    .where('generation', '<', knex('sealing_keys').max('generation'))
    .orderBy('generation')
    .forUpdate()
    .select<{ fingerprint: string }[]>('fingerprint')
  const fingerprints = old.map(({ fingerprint }) => fingerprint)
  const needed = await knex('sealed_values')
    .whereIn('key_id', fingerprints)
    .groupBy('key_id')
    .select<{ key_id: string; values: string }[]>('key_id', knex.raw('count(*) AS values'))
  if (needed.length > 0) return needed.map(({ key_id, values }) => ({ fingerprint: key_id, values: Number(values) }))
  await knex('sealing_keys').whereIn('fingerprint', fingerprints).delete()
  return []
}
