import type { Knex } from 'knex'

/** SSH sessions, the tickets that open them, and what was recorded of each connection. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ssh_sessions (
      id text CONSTRAINT ssh_sessions_pkey PRIMARY KEY,
      holder jsonb NOT NULL,
      agent_id text CONSTRAINT ssh_sessions_agent_fkey REFERENCES agents,
      token_id text CONSTRAINT ssh_sessions_token_fkey REFERENCES tokens,
      session_id text CONSTRAINT ssh_sessions_session_fkey REFERENCES sessions,
      client jsonb NOT NULL,
      host_id text NOT NULL CONSTRAINT ssh_sessions_host_fkey REFERENCES hosts,
      principal text NOT NULL,
      mode text NOT NULL CONSTRAINT ssh_sessions_mode_check CHECK (mode IN ('exec', 'shell')),
      reason text NOT NULL,
      state text NOT NULL CONSTRAINT ssh_sessions_state_check CHECK (state IN ('granted', 'active', 'ended', 'cut', 'expired')),
      granted_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      started_at timestamptz,
      ended_at timestamptz,
      end_reason text,
      CONSTRAINT ssh_sessions_holder_check CHECK (
        (agent_id IS NULL) = (token_id IS NULL) AND (agent_id IS NULL) = (session_id IS NULL)),
      CONSTRAINT ssh_sessions_ended_check CHECK (
        (state IN ('granted', 'active')) = (ended_at IS NULL) AND (ended_at IS NULL) = (end_reason IS NULL))
    );
    CREATE INDEX ssh_sessions_agent_idx ON ssh_sessions (agent_id, granted_at DESC);
    CREATE INDEX ssh_sessions_token_idx ON ssh_sessions (token_id);
    CREATE INDEX ssh_sessions_session_idx ON ssh_sessions (session_id);
    CREATE INDEX ssh_sessions_host_idx ON ssh_sessions (host_id);
    CREATE INDEX ssh_sessions_granted_idx ON ssh_sessions (granted_at DESC, id);
    CREATE INDEX ssh_sessions_open_idx ON ssh_sessions (expires_at) WHERE state IN ('granted', 'active');

    CREATE TABLE ssh_tickets (
      hash bytea CONSTRAINT ssh_tickets_pkey PRIMARY KEY,
      ssh_session_id text NOT NULL CONSTRAINT ssh_tickets_session_fkey REFERENCES ssh_sessions,
      source_ip text,
      command text,
      request_id text,
      use_before timestamptz NOT NULL,
      used_at timestamptz,
      CONSTRAINT ssh_tickets_binding_check CHECK ((source_ip IS NULL) <> (command IS NULL))
    );
    CREATE INDEX ssh_tickets_session_idx ON ssh_tickets (ssh_session_id);
    CREATE INDEX ssh_tickets_use_idx ON ssh_tickets (use_before);

    CREATE TABLE ssh_recordings (
      id text CONSTRAINT ssh_recordings_pkey PRIMARY KEY,
      ssh_session_id text NOT NULL CONSTRAINT ssh_recordings_session_fkey REFERENCES ssh_sessions,
      started_at timestamptz NOT NULL,
      sha256 text,
      bytes bigint
    );
    CREATE INDEX ssh_recordings_session_idx ON ssh_recordings (ssh_session_id, started_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE ssh_recordings, ssh_tickets, ssh_sessions')
}
