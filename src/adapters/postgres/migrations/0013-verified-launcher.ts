import type { Knex } from 'knex'

/** A client without an id of its own that is started by two people has two sessions: what one did is never said of the other. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE sessions ADD COLUMN verified_launcher text NOT NULL
      GENERATED ALWAYS AS (CASE WHEN launcher_verified THEN coalesce(launcher_name, '') ELSE '' END) STORED;
    DROP INDEX sessions_stateless_key;
    CREATE UNIQUE INDEX sessions_stateless_key
      ON sessions (token_id, client_name, client_version, client_ip, verified_launcher)
      WHERE status = 'active' AND transport = 'stateless';
  `)
}

/** Without the column two active sessions of one client could not both stand. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    UPDATE sessions SET status = 'ended', ended_at = clock_timestamp(), end_reason = 'admin'
      WHERE status = 'active' AND transport = 'stateless' AND verified_launcher <> '';
    DROP INDEX sessions_stateless_key;
    CREATE UNIQUE INDEX sessions_stateless_key ON sessions (token_id, client_name, client_version, client_ip)
      WHERE status = 'active' AND transport = 'stateless';
    ALTER TABLE sessions DROP COLUMN verified_launcher;
  `)
}
