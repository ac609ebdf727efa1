import type { Knex } from 'knex'

/** Which keys this database belongs to, and the values that the built-in secret store keeps sealed. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE installation_keys (
      purpose text CONSTRAINT installation_keys_pkey PRIMARY KEY
        CONSTRAINT installation_keys_purpose_check CHECK (purpose IN ('audit', 'secrets', 'bootstrap')),
      fingerprint text NOT NULL,
      created_at timestamptz NOT NULL
    );

    CREATE TABLE sealed_values (
      path text NOT NULL,
      version integer NOT NULL,
      key_id text NOT NULL,
      wrapped_key bytea NOT NULL,
      sealed bytea NOT NULL,
      created_at timestamptz NOT NULL,
      CONSTRAINT sealed_values_pkey PRIMARY KEY (path, version)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE sealed_values, installation_keys')
}
