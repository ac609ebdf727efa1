import type { Knex } from 'knex'

/** Which unsafe requests a caller has numbered, and what they were answered. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE idempotency_keys (
      principal_id text NOT NULL,
      key text NOT NULL,
      request_mac bytea NOT NULL CONSTRAINT idempotency_keys_request_mac_check CHECK (length(request_mac) = 32),
      status smallint,
      answer text,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      CONSTRAINT idempotency_keys_pkey PRIMARY KEY (principal_id, key),
      CONSTRAINT idempotency_keys_answer_check CHECK ((status IS NULL) = (answer IS NULL))
    );
    CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE idempotency_keys')
}
