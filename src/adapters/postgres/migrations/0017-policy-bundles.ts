import type { Knex } from 'knex'

/**
 * Every policy bundle that was activated or held, with its bytes: what every replica loads, what a start goes on with, and
 * what a rollback goes back to. `policy_state` is the lock under which one takes the place of another.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE policy_bundles (
      digest text CONSTRAINT policy_bundles_pkey PRIMARY KEY,
      revision text NOT NULL,
      sequence bigint NOT NULL,
      state text NOT NULL CONSTRAINT policy_bundles_state_check
        CHECK (state IN ('active', 'held', 'discarded', 'superseded')),
      source text NOT NULL,
      pushed_by_id text,
      pushed_by_name text,
      report text,
      bytes bytea NOT NULL,
      changed_at timestamptz NOT NULL,
      activated_at timestamptz
    );
    CREATE UNIQUE INDEX policy_bundles_active_key ON policy_bundles (state) WHERE state = 'active';

    CREATE TABLE policy_state (
      id text CONSTRAINT policy_state_pkey PRIMARY KEY CONSTRAINT policy_state_id_check CHECK (id = 'main'),
      sequence_floor bigint NOT NULL,
      last_error text
    );
    INSERT INTO policy_state (id, sequence_floor) VALUES ('main', 0);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE policy_state, policy_bundles')
}
