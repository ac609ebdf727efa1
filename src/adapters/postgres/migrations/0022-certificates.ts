import type { Knex } from 'knex'

/**
 * Certificates, their versions and the orders for them. No key is here: a row says where in the secret store it lies. An
 * order has a decision, and a certificate at most one order that is not invalid for each version.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE certificates (
      id text CONSTRAINT certificates_pkey PRIMARY KEY,
      name text NOT NULL CONSTRAINT certificates_name_key UNIQUE
        CONSTRAINT certificates_name_check CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,127}$'),
      domains text[] NOT NULL,
      issuer text,
      current_version integer,
      not_after timestamptz,
      renew_at timestamptz,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE INDEX certificates_by_name_idx ON certificates (name COLLATE "C");
    CREATE INDEX certificates_not_after_idx ON certificates (not_after);
    CREATE INDEX certificates_renew_at_idx ON certificates (renew_at) WHERE renew_at IS NOT NULL;
    CREATE TABLE certificate_groups (
      certificate_id text NOT NULL CONSTRAINT certificate_groups_certificate_fkey REFERENCES certificates,
      group_id text NOT NULL CONSTRAINT certificate_groups_group_fkey REFERENCES groups,
      CONSTRAINT certificate_groups_pkey PRIMARY KEY (certificate_id, group_id)
    );
    CREATE INDEX certificate_groups_group_idx ON certificate_groups (group_id);
    CREATE TABLE certificate_versions (
      certificate_id text NOT NULL CONSTRAINT certificate_versions_certificate_fkey REFERENCES certificates,
      version integer NOT NULL CONSTRAINT certificate_versions_version_check CHECK (version >= 0),
      chain text NOT NULL,
      subject text NOT NULL,
      sans text[] NOT NULL,
      issuer_name text NOT NULL,
      serial text NOT NULL,
      fingerprint text NOT NULL,
      key_type text NOT NULL,
      not_before timestamptz NOT NULL,
      not_after timestamptz NOT NULL,
      key_path text NOT NULL,
      key_version text NOT NULL,
      issuer text,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL,
      CONSTRAINT certificate_versions_pkey PRIMARY KEY (certificate_id, version)
    );

    CREATE TABLE certificate_orders (
      id text CONSTRAINT certificate_orders_pkey PRIMARY KEY,
      certificate_id text NOT NULL CONSTRAINT certificate_orders_certificate_fkey REFERENCES certificates,
      version integer NOT NULL,
      issuer text NOT NULL,
      domains text[] NOT NULL,
      csr bytea NOT NULL,
      key_path text NOT NULL,
      key_version text NOT NULL,
      replaces text,
      requested_by jsonb NOT NULL,
      decision_id text NOT NULL,
      status text NOT NULL CONSTRAINT certificate_orders_status_check
        CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
      state jsonb,
      problem text,
      steps jsonb NOT NULL,
      attempts integer NOT NULL,
      failures integer NOT NULL,
      leased_by text,
      leased_until timestamptz,
      next_attempt_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL,
      finished_at timestamptz,
      CONSTRAINT certificate_orders_finished_check
        CHECK ((finished_at IS NULL) = (status IN ('pending', 'ready', 'processing')))
    );
    CREATE UNIQUE INDEX certificate_orders_version_key ON certificate_orders (certificate_id, version)
      WHERE status <> 'invalid';
    CREATE INDEX certificate_orders_certificate_idx ON certificate_orders (certificate_id, created_at DESC);
    CREATE INDEX certificate_orders_due_idx ON certificate_orders (next_attempt_at) WHERE finished_at IS NULL;

    CREATE TABLE certificate_domain_locks (
      issuer text NOT NULL,
      domain text NOT NULL,
      order_id text NOT NULL CONSTRAINT certificate_domain_locks_order_fkey REFERENCES certificate_orders,
      CONSTRAINT certificate_domain_locks_pkey PRIMARY KEY (issuer, domain)
    );

    CREATE TABLE acme_accounts (
      directory_url text CONSTRAINT acme_accounts_pkey PRIMARY KEY,
      key_path text NOT NULL,
      key_version text NOT NULL,
      created_at timestamptz NOT NULL
    );
    CREATE TABLE acme_challenges (
      token text CONSTRAINT acme_challenges_pkey PRIMARY KEY,
      key_authorization text NOT NULL,
      created_at timestamptz NOT NULL
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE acme_challenges, acme_accounts, certificate_domain_locks, certificate_orders, certificate_versions,
      certificate_groups, certificates
  `)
}
