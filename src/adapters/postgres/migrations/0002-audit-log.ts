import type { Knex } from 'knex'

/**
 * The tamper-evident log. `audit_events.event` is the canonical JSON that is hashed; the other columns only index it.
 * `audit_append` is the group commit's fast way in: one statement, one round trip, applied only when the caller's idea
 * of the log's size is right, so that sequence order is commit order and there are no gaps.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE audit_log (
      id text CONSTRAINT audit_log_pkey PRIMARY KEY CONSTRAINT audit_log_id_check CHECK (id = 'main'),
      size bigint NOT NULL CONSTRAINT audit_log_size_check CHECK (size >= 0),
      root bytea NOT NULL CONSTRAINT audit_log_root_check CHECK (length(root) = 32),
      frontier bytea[] NOT NULL,
      authority_epoch bigint NOT NULL
    );
    INSERT INTO audit_log (id, size, root, frontier, authority_epoch) VALUES ('main', 0, sha256(''), '{}', 0);

    CREATE TABLE audit_events (
      seq bigint CONSTRAINT audit_events_pkey PRIMARY KEY CONSTRAINT audit_events_seq_check CHECK (seq >= 1),
      id text NOT NULL,
      at timestamptz NOT NULL,
      type text NOT NULL,
      agent_id text,
      session_id text,
      resource_id text,
      resource_name text,
      environment text,
      outcome text,
      event text NOT NULL,
      leaf bytea NOT NULL CONSTRAINT audit_events_leaf_check CHECK (length(leaf) = 32)
    );
    CREATE INDEX audit_events_agent_idx ON audit_events (agent_id, seq) WHERE agent_id IS NOT NULL;
    CREATE INDEX audit_events_session_idx ON audit_events (session_id, seq) WHERE session_id IS NOT NULL;
    CREATE INDEX audit_events_resource_idx ON audit_events (resource_name, seq) WHERE resource_name IS NOT NULL;
    CREATE INDEX audit_events_type_idx ON audit_events (type, seq);
    CREATE INDEX audit_events_at_idx ON audit_events USING brin (at);

    CREATE TABLE audit_decisions (
      seq bigint CONSTRAINT audit_decisions_pkey PRIMARY KEY,
      decision_id text NOT NULL CONSTRAINT audit_decisions_decision_id_key UNIQUE,
      at timestamptz NOT NULL,
      input text NOT NULL,
      decision text NOT NULL
    );

    CREATE TABLE audit_checkpoints (
      size bigint CONSTRAINT audit_checkpoints_pkey PRIMARY KEY,
      root bytea NOT NULL,
      frontier bytea[] NOT NULL,
      note text NOT NULL,
      key_id text NOT NULL,
      at timestamptz NOT NULL
    );

    CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
      FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
    CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
      FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
  `)
  await knex.raw(createAppend)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP FUNCTION audit_append;
    DROP TABLE audit_checkpoints, audit_decisions, audit_events, audit_log;
    DROP FUNCTION audit_refuse_change;
  `)
}

/** The first form of the way in, until `0029-leaner-append`. */
export const createAppend = `
  CREATE FUNCTION audit_append(
    expected_size bigint, new_size bigint, new_root bytea, new_frontier bytea[], advance boolean,
    seqs bigint[], ids text[], ats timestamptz[], types text[], agent_ids text[], session_ids text[],
    resource_ids text[], resource_names text[], environments text[], outcomes text[], events text[], leaves bytea[],
    decision_seqs bigint[], decision_ids text[], decision_ats timestamptz[], inputs text[], decisions text[],
    OUT applied boolean, OUT size bigint, OUT root bytea, OUT frontier bytea[], OUT authority_epoch bigint, OUT now_ms double precision
  ) LANGUAGE plpgsql AS $$
  BEGIN
    SELECT l.size, l.root, l.frontier, l.authority_epoch INTO size, root, frontier, authority_epoch
      FROM audit_log l WHERE l.id = 'main' FOR UPDATE;
    now_ms := extract(epoch FROM clock_timestamp()) * 1000;
    applied := size = expected_size;
    IF NOT applied THEN
      RETURN;
    END IF;
    INSERT INTO audit_events (seq, id, at, type, agent_id, session_id, resource_id, resource_name, environment, outcome, event, leaf)
      SELECT * FROM unnest(seqs, ids, ats, types, agent_ids, session_ids, resource_ids, resource_names, environments, outcomes, events, leaves);
    IF cardinality(decision_seqs) > 0 THEN
      INSERT INTO audit_decisions (seq, decision_id, at, input, decision)
        SELECT * FROM unnest(decision_seqs, decision_ids, decision_ats, inputs, decisions);
    END IF;
    size := new_size;
    root := new_root;
    frontier := new_frontier;
    IF advance THEN
      authority_epoch := authority_epoch + 1;
    END IF;
    UPDATE audit_log l SET size = new_size, root = new_root, frontier = new_frontier, authority_epoch = audit_append.authority_epoch
      WHERE l.id = 'main';
  END $$;
`
