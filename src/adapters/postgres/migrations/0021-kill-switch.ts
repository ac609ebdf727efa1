import type { Knex } from 'knex'

/**
 * The kill switch. A kill in force takes every right of what it matches at the moment of use, so nobody waits until each
 * agent is suspended. `replicas` is who has to confirm it. A trigger tells every listener that the authority epoch moved:
 * the poll would tell them as well, a little later.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE replicas (
      id text CONSTRAINT replicas_pkey PRIMARY KEY,
      started_at timestamptz NOT NULL,
      seen_at timestamptz NOT NULL
    );

    CREATE TABLE kills (
      id text CONSTRAINT kills_pkey PRIMARY KEY,
      kind text NOT NULL CONSTRAINT kills_kind_check CHECK (kind IN ('agent', 'owner', 'group', 'all')),
      target_id text,
      target_name text NOT NULL,
      reason text NOT NULL,
      revoke boolean NOT NULL,
      drill boolean NOT NULL,
      in_force boolean NOT NULL,
      created_at timestamptz NOT NULL,
      created_by text NOT NULL,
      applied_at timestamptz,
      lifted_at timestamptz,
      lifted_by text,
      CONSTRAINT kills_target_check CHECK ((kind = 'all') = (target_id IS NULL)),
      CONSTRAINT kills_drill_check CHECK (NOT (drill AND in_force))
    );
    CREATE INDEX kills_in_force_idx ON kills (kind, target_id) WHERE in_force;
    CREATE INDEX kills_created_idx ON kills (created_at, id);

    CREATE TABLE kill_receipts (
      kill_id text NOT NULL CONSTRAINT kill_receipts_kill_id_fkey REFERENCES kills (id),
      replica_id text NOT NULL,
      confirmed_at timestamptz NOT NULL,
      epoch bigint NOT NULL,
      calls_cut integer NOT NULL,
      CONSTRAINT kill_receipts_pkey PRIMARY KEY (kill_id, replica_id)
    );

    CREATE FUNCTION announce_authority() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('certlocker_authority', '');
      RETURN NULL;
    END $$;
    CREATE TRIGGER audit_log_announces_authority AFTER UPDATE OF authority_epoch ON audit_log
      FOR EACH ROW WHEN (OLD.authority_epoch IS DISTINCT FROM NEW.authority_epoch)
      EXECUTE FUNCTION announce_authority();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TRIGGER audit_log_announces_authority ON audit_log;
    DROP FUNCTION announce_authority();
    DROP TABLE kill_receipts;
    DROP TABLE kills;
    DROP TABLE replicas;
  `)
}
