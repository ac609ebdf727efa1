import type { Knex } from 'knex'

/** How many SSH sessions a replica cut for a kill. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE kill_receipts ADD COLUMN ssh_sessions_cut integer NOT NULL DEFAULT 0')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE kill_receipts DROP COLUMN ssh_sessions_cut')
}
