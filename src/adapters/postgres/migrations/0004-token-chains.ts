import type { Knex } from 'knex'

/** Tokens for single use, and tokens that rotate: a chain of rows of which one is current. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE tokens
      ADD COLUMN chain_id text CONSTRAINT tokens_chain_fkey REFERENCES tokens,
      ADD COLUMN predecessor_id text CONSTRAINT tokens_predecessor_fkey REFERENCES tokens,
      ADD COLUMN single_use boolean NOT NULL DEFAULT false,
      ADD COLUMN spent_at timestamptz,
      ADD COLUMN spent_call_digest text,
      ADD COLUMN spent_key_digest text,
      ADD COLUMN rotate_every_seconds integer,
      ADD COLUMN rotate_overlap_seconds integer,
      ADD COLUMN rotated_at timestamptz,
      ADD COLUMN used_at timestamptz,
      ADD COLUMN usable_until timestamptz;
    UPDATE tokens SET chain_id = id, usable_until = expires_at;
    ALTER TABLE tokens
      ALTER COLUMN chain_id SET NOT NULL,
      ALTER COLUMN usable_until SET NOT NULL,
      ADD CONSTRAINT tokens_spent_check CHECK ((spent_at IS NULL) = (spent_call_digest IS NULL)
        AND (spent_at IS NULL OR single_use) AND (spent_key_digest IS NULL OR spent_at IS NOT NULL)),
      ADD CONSTRAINT tokens_rotation_check CHECK ((rotate_every_seconds IS NULL) = (rotate_overlap_seconds IS NULL)
        AND rotate_every_seconds >= 1 AND rotate_overlap_seconds >= 1
        AND NOT (single_use AND rotate_every_seconds IS NOT NULL)),
      ADD CONSTRAINT tokens_usable_check CHECK (usable_until <= expires_at);
    CREATE UNIQUE INDEX tokens_current_key ON tokens (chain_id) WHERE rotated_at IS NULL;
    CREATE INDEX tokens_chain_idx ON tokens (chain_id);
    DROP INDEX tokens_expires_idx;
    CREATE INDEX tokens_usable_idx ON tokens (usable_until)
      WHERE expired_event_at IS NULL AND revoked_at IS NULL AND rotated_at IS NULL;
  `)
}

/** Without these columns a value that was replaced or spent would open everything again, so such tokens end here. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    UPDATE tokens SET revoked_at = clock_timestamp()
      WHERE revoked_at IS NULL AND (single_use OR rotate_every_seconds IS NOT NULL);
    DROP INDEX tokens_usable_idx;
    CREATE INDEX tokens_expires_idx ON tokens (expires_at) WHERE expired_event_at IS NULL AND revoked_at IS NULL;
    ALTER TABLE tokens
      DROP COLUMN chain_id, DROP COLUMN predecessor_id, DROP COLUMN single_use,
      DROP COLUMN spent_at, DROP COLUMN spent_call_digest, DROP COLUMN spent_key_digest,
      DROP COLUMN rotate_every_seconds, DROP COLUMN rotate_overlap_seconds,
      DROP COLUMN rotated_at, DROP COLUMN used_at, DROP COLUMN usable_until;
  `)
}
