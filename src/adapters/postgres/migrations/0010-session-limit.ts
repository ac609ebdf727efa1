import type { Knex } from 'knex'

/** The active sessions of one token are counted whenever it starts another; the ended ones are kept and many. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw("CREATE INDEX sessions_active_token_idx ON sessions (token_id) WHERE status = 'active'")
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX sessions_active_token_idx')
}
