import type { Knex } from 'knex'

/** Where the bastions in service are, and which host key they show: how gateway processes find them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE bastions (
      id text CONSTRAINT bastions_pkey PRIMARY KEY,
      address text NOT NULL,
      public_address text NOT NULL,
      port integer NOT NULL CONSTRAINT bastions_port_check CHECK (port BETWEEN 1 AND 65535),
      host_key text NOT NULL,
      seen_at timestamptz NOT NULL
    );
    ALTER TABLE installation_keys DROP CONSTRAINT installation_keys_purpose_check;
    ALTER TABLE installation_keys ADD CONSTRAINT installation_keys_purpose_check
      CHECK (purpose IN ('audit', 'secrets', 'bootstrap', 'bastion'));
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DELETE FROM installation_keys WHERE purpose = 'bastion';
    ALTER TABLE installation_keys DROP CONSTRAINT installation_keys_purpose_check;
    ALTER TABLE installation_keys ADD CONSTRAINT installation_keys_purpose_check
      CHECK (purpose IN ('audit', 'secrets', 'bootstrap'));
    DROP TABLE bastions;
  `)
}
