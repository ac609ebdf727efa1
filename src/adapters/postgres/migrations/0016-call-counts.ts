import type { Knex } from 'knex'

/**
 * How many calls each replica has let through lately, for a limit that holds over all of them. Counts of a minute are not
 * worth the write-ahead log: after a crash the limit begins anew.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE UNLOGGED TABLE call_counts (
      chain_id text NOT NULL,
      replica_id text NOT NULL,
      calls integer NOT NULL,
      ends_at timestamptz NOT NULL,
      CONSTRAINT call_counts_pkey PRIMARY KEY (chain_id, replica_id)
    )
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE call_counts')
}
