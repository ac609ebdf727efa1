import type { Knex } from 'knex'

/** People, groups, agents, their bearers and sessions, and the resources they ask for. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE groups (
      id text CONSTRAINT groups_pkey PRIMARY KEY,
      name text NOT NULL CONSTRAINT groups_name_key UNIQUE CONSTRAINT groups_name_check CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$'),
      environment text NOT NULL CONSTRAINT groups_environment_check CHECK (environment IN ('production', 'staging', 'development')),
      description text NOT NULL DEFAULT '',
      domains text[] NOT NULL DEFAULT '{}',
      probe_targets text[] NOT NULL DEFAULT '{}',
      vault_prefixes text[] NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );

    CREATE TABLE people (
      id text CONSTRAINT people_pkey PRIMARY KEY,
      email text NOT NULL CONSTRAINT people_email_key UNIQUE CONSTRAINT people_email_check CHECK (email = lower(email)),
      name text NOT NULL,
      role text NOT NULL CONSTRAINT people_role_check CHECK (role IN ('admin', 'operator', 'approver', 'auditor', 'policy_author')),
      disabled_at timestamptz,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE TABLE person_groups (
      person_id text NOT NULL CONSTRAINT person_groups_person_fkey REFERENCES people,
      group_id text NOT NULL CONSTRAINT person_groups_group_fkey REFERENCES groups,
      CONSTRAINT person_groups_pkey PRIMARY KEY (person_id, group_id)
    );
    CREATE INDEX person_groups_group_idx ON person_groups (group_id);

    CREATE TABLE api_keys (
      id text CONSTRAINT api_keys_pkey PRIMARY KEY,
      person_id text NOT NULL CONSTRAINT api_keys_person_fkey REFERENCES people,
      name text NOT NULL,
      prefix text NOT NULL,
      hash bytea NOT NULL CONSTRAINT api_keys_hash_key UNIQUE CONSTRAINT api_keys_hash_check CHECK (length(hash) = 32),
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE INDEX api_keys_person_idx ON api_keys (person_id);

    CREATE TABLE agents (
      id text CONSTRAINT agents_pkey PRIMARY KEY,
      name text NOT NULL CONSTRAINT agents_name_key UNIQUE CONSTRAINT agents_name_check CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$'),
      description text NOT NULL DEFAULT '',
      owner_id text NOT NULL CONSTRAINT agents_owner_fkey REFERENCES people,
      risk_level text NOT NULL CONSTRAINT agents_risk_level_check CHECK (risk_level IN ('low', 'medium', 'high', 'critical')),
      scopes text[] NOT NULL,
      status text NOT NULL CONSTRAINT agents_status_check CHECK (status IN ('active', 'suspended', 'revoked')),
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE INDEX agents_owner_idx ON agents (owner_id);
    CREATE TABLE agent_groups (
      agent_id text NOT NULL CONSTRAINT agent_groups_agent_fkey REFERENCES agents,
      group_id text NOT NULL CONSTRAINT agent_groups_group_fkey REFERENCES groups,
      CONSTRAINT agent_groups_pkey PRIMARY KEY (agent_id, group_id)
    );
    CREATE INDEX agent_groups_group_idx ON agent_groups (group_id);

    CREATE TABLE tokens (
      id text CONSTRAINT tokens_pkey PRIMARY KEY,
      agent_id text NOT NULL CONSTRAINT tokens_agent_fkey REFERENCES agents,
      name text NOT NULL,
      prefix text NOT NULL,
      hash bytea NOT NULL CONSTRAINT tokens_hash_key UNIQUE CONSTRAINT tokens_hash_check CHECK (length(hash) = 32),
      scopes text[],
      cidrs text[] NOT NULL DEFAULT '{}',
      expires_at timestamptz NOT NULL,
      expired_event_at timestamptz,
      revoked_at timestamptz,
      last_used_at timestamptz,
      last_used_ip text,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE INDEX tokens_agent_idx ON tokens (agent_id);
    CREATE INDEX tokens_expires_idx ON tokens (expires_at) WHERE expired_event_at IS NULL AND revoked_at IS NULL;
    CREATE TABLE token_groups (
      token_id text NOT NULL CONSTRAINT token_groups_token_fkey REFERENCES tokens,
      group_id text NOT NULL CONSTRAINT token_groups_group_fkey REFERENCES groups,
      CONSTRAINT token_groups_pkey PRIMARY KEY (token_id, group_id)
    );
    CREATE INDEX token_groups_group_idx ON token_groups (group_id);

    CREATE TABLE sessions (
      id text CONSTRAINT sessions_pkey PRIMARY KEY,
      agent_id text NOT NULL CONSTRAINT sessions_agent_fkey REFERENCES agents,
      token_id text NOT NULL CONSTRAINT sessions_token_fkey REFERENCES tokens,
      transport text NOT NULL CONSTRAINT sessions_transport_check CHECK (transport IN ('handshake', 'stateless')),
      client_name text NOT NULL,
      client_version text NOT NULL,
      client_ip text NOT NULL,
      protocol_version text NOT NULL,
      launcher_name text,
      launcher_verified boolean NOT NULL DEFAULT false,
      status text NOT NULL CONSTRAINT sessions_status_check CHECK (status IN ('active', 'ended')),
      started_at timestamptz NOT NULL,
      last_seen_at timestamptz NOT NULL,
      ended_at timestamptz,
      end_reason text CONSTRAINT sessions_end_reason_check
        CHECK (end_reason IN ('closed', 'idle', 'token_expired', 'suspended', 'revoked', 'admin', 'killed')),
      CONSTRAINT sessions_ended_check CHECK ((status = 'ended') = (ended_at IS NOT NULL) AND (ended_at IS NULL) = (end_reason IS NULL))
    );
    CREATE INDEX sessions_agent_idx ON sessions (agent_id, started_at DESC);
    CREATE INDEX sessions_token_idx ON sessions (token_id);
    CREATE INDEX sessions_active_idx ON sessions (last_seen_at) WHERE status = 'active';
    CREATE UNIQUE INDEX sessions_stateless_key ON sessions (token_id, client_name, client_version, client_ip)
      WHERE status = 'active' AND transport = 'stateless';

    CREATE TABLE secrets (
      id text CONSTRAINT secrets_pkey PRIMARY KEY,
      name text NOT NULL CONSTRAINT secrets_name_check CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,127}$'),
      kind text NOT NULL CONSTRAINT secrets_kind_check CHECK (kind IN ('shared', 'private')),
      owner_id text CONSTRAINT secrets_owner_fkey REFERENCES people,
      type text NOT NULL,
      description text NOT NULL DEFAULT '',
      disclosure text NOT NULL CONSTRAINT secrets_disclosure_check CHECK (disclosure IN ('raw', 'use_only')),
      current_version integer NOT NULL CONSTRAINT secrets_current_version_check CHECK (current_version >= 0),
      created_at timestamptz NOT NULL,
      created_by text NOT NULL,
      deleted_at timestamptz,
      CONSTRAINT secrets_private_check CHECK ((kind = 'private') = (owner_id IS NOT NULL))
    );
    CREATE UNIQUE INDEX secrets_name_key ON secrets (name) WHERE deleted_at IS NULL;
    CREATE INDEX secrets_owner_idx ON secrets (owner_id) WHERE owner_id IS NOT NULL;
    CREATE TABLE secret_groups (
      secret_id text NOT NULL CONSTRAINT secret_groups_secret_fkey REFERENCES secrets,
      group_id text NOT NULL CONSTRAINT secret_groups_group_fkey REFERENCES groups,
      CONSTRAINT secret_groups_pkey PRIMARY KEY (secret_id, group_id)
    );
    CREATE INDEX secret_groups_group_idx ON secret_groups (group_id);
    CREATE TABLE secret_versions (
      secret_id text NOT NULL CONSTRAINT secret_versions_secret_fkey REFERENCES secrets,
      version integer NOT NULL CONSTRAINT secret_versions_version_check CHECK (version >= 0),
      store_path text NOT NULL,
      store_version text NOT NULL,
      restored_from integer,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL,
      CONSTRAINT secret_versions_pkey PRIMARY KEY (secret_id, version)
    );

    CREATE TABLE hosts (
      id text CONSTRAINT hosts_pkey PRIMARY KEY,
      name text NOT NULL CONSTRAINT hosts_name_key UNIQUE CONSTRAINT hosts_name_check CHECK (name ~ '^[a-z0-9][a-z0-9.-]{0,127}$'),
      address text NOT NULL,
      port integer NOT NULL CONSTRAINT hosts_port_check CHECK (port BETWEEN 1 AND 65535),
      principals text[] NOT NULL,
      modes text[] NOT NULL,
      host_keys text[] NOT NULL,
      credential jsonb NOT NULL,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL
    );
    CREATE TABLE host_groups (
      host_id text NOT NULL CONSTRAINT host_groups_host_fkey REFERENCES hosts,
      group_id text NOT NULL CONSTRAINT host_groups_group_fkey REFERENCES groups,
      CONSTRAINT host_groups_pkey PRIMARY KEY (host_id, group_id)
    );
    CREATE INDEX host_groups_group_idx ON host_groups (group_id);

    CREATE TABLE approvals (
      id text CONSTRAINT approvals_pkey PRIMARY KEY,
      agent_id text NOT NULL CONSTRAINT approvals_agent_fkey REFERENCES agents,
      token_id text NOT NULL CONSTRAINT approvals_token_fkey REFERENCES tokens,
      session_id text NOT NULL CONSTRAINT approvals_session_fkey REFERENCES sessions,
      call_digest text NOT NULL,
      action text NOT NULL,
      tool text NOT NULL,
      arguments jsonb NOT NULL,
      resource jsonb NOT NULL,
      reasons jsonb NOT NULL,
      requirement jsonb NOT NULL,
      status text NOT NULL CONSTRAINT approvals_status_check
        CHECK (status IN ('pending', 'approved', 'denied', 'expired', 'consumed', 'cancelled')),
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE UNIQUE INDEX approvals_pending_key ON approvals (agent_id, call_digest) WHERE status = 'pending';
    CREATE INDEX approvals_agent_idx ON approvals (agent_id, created_at DESC);
    CREATE INDEX approvals_token_idx ON approvals (token_id);
    CREATE INDEX approvals_session_idx ON approvals (session_id);
    CREATE INDEX approvals_expiry_idx ON approvals (expires_at) WHERE status = 'pending';
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE approvals, host_groups, hosts, secret_versions, secret_groups, secrets, sessions, token_groups, tokens,
      agent_groups, agents, api_keys, person_groups, people, groups
  `)
}
