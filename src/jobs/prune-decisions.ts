import type { Knex } from 'knex'

const BATCH_ROWS = 5000
const DAY_MS = 86_400_000

/**
 * Drops the inputs and decisions kept for replay when they are older than `inputDays`. The events stay for ever, and
 * with them the digests of what was dropped.
 */
export async function pruneDecisions(knex: Knex, inputDays: number, nowMs: number): Promise<void> {
  const before = new Date(nowMs - inputDays * DAY_MS)
  const old = knex('audit_decisions').select('seq').where('at', '<', before).orderBy('seq').limit(BATCH_ROWS)
  let dropped = BATCH_ROWS
  while (dropped === BATCH_ROWS) dropped = await knex('audit_decisions').whereIn('seq', old.clone()).delete()
}
