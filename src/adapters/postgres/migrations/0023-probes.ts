import type { Knex } from 'knex'

/** Probes and what they found. A probe with `every_seconds` runs again at `next_at`. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE probes (
      id text CONSTRAINT probes_pkey PRIMARY KEY,
      target text NOT NULL,
      expect_certificate text,
      every_seconds integer CONSTRAINT probes_every_check CHECK (every_seconds > 0),
      next_at timestamptz,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE INDEX probes_target_idx ON probes (target);
    CREATE INDEX probes_created_idx ON probes (created_at, id);
    CREATE INDEX probes_due_idx ON probes (next_at) WHERE next_at IS NOT NULL;

    CREATE TABLE probe_groups (
      probe_id text NOT NULL CONSTRAINT probe_groups_probe_id_fkey REFERENCES probes (id) ON DELETE CASCADE,
      group_id text NOT NULL CONSTRAINT probe_groups_group_id_fkey REFERENCES groups (id),
      CONSTRAINT probe_groups_pkey PRIMARY KEY (probe_id, group_id)
    );
    CREATE INDEX probe_groups_group_idx ON probe_groups (group_id);

    CREATE TABLE probe_results (
      id text CONSTRAINT probe_results_pkey PRIMARY KEY,
      probe_id text NOT NULL CONSTRAINT probe_results_probe_id_fkey REFERENCES probes (id) ON DELETE CASCADE,
      at timestamptz NOT NULL,
      verdict text NOT NULL,
      addresses jsonb NOT NULL
    );
    CREATE INDEX probe_results_probe_idx ON probe_results (probe_id, at DESC, id DESC);
    CREATE INDEX probe_results_at_idx ON probe_results (at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE probe_results; DROP TABLE probe_groups; DROP TABLE probes;')
}
