import type { Knex } from 'knex'

/**
 * What people decide about approvals, and by when a decision is used. Of one call at most one approval is live: it waits, or
 * it was given and not used yet. A key remembers every person that it was minted by, directly or with a key of theirs.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE approvals
      ADD COLUMN kind text NOT NULL DEFAULT 'call' CONSTRAINT approvals_kind_check CHECK (kind IN ('call', 'decision')),
      ADD COLUMN groups text[] NOT NULL DEFAULT '{}',
      ADD COLUMN owner_id text CONSTRAINT approvals_owner_fkey REFERENCES people,
      ADD COLUMN reason text NOT NULL DEFAULT '',
      ADD COLUMN decided_at timestamptz,
      ADD COLUMN use_before timestamptz;
    UPDATE approvals SET
      owner_id = (SELECT agents.owner_id FROM agents WHERE agents.id = approvals.agent_id),
      groups = ARRAY(SELECT jsonb_array_elements_text(resource -> 'groups') WHERE jsonb_typeof(resource) = 'object');
    ALTER TABLE approvals ALTER COLUMN owner_id SET NOT NULL;
    DROP INDEX approvals_pending_key;
    CREATE UNIQUE INDEX approvals_live_key ON approvals (agent_id, call_digest)
      WHERE status = 'pending' OR (status = 'approved' AND kind = 'call');
    CREATE INDEX approvals_use_idx ON approvals (use_before) WHERE status = 'approved';
    CREATE INDEX approvals_call_idx ON approvals (agent_id, call_digest, created_at DESC);

    CREATE TABLE approval_votes (
      approval_id text NOT NULL CONSTRAINT approval_votes_approval_fkey REFERENCES approvals,
      person_id text NOT NULL CONSTRAINT approval_votes_person_fkey REFERENCES people,
      verdict text NOT NULL CONSTRAINT approval_votes_verdict_check CHECK (verdict IN ('approve', 'deny')),
      comment text NOT NULL,
      call_digest text NOT NULL,
      at timestamptz NOT NULL,
      CONSTRAINT approval_votes_pkey PRIMARY KEY (approval_id, person_id)
    );

    ALTER TABLE api_keys ADD COLUMN minters text[] NOT NULL DEFAULT '{}';
    UPDATE api_keys SET minters = ARRAY[created_by];
  `)
}

/** Without the votes nothing says who approved, so what was approved and not used yet ends here. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE api_keys DROP COLUMN minters;
    DROP TABLE approval_votes;
    UPDATE approvals SET status = 'cancelled' WHERE status = 'approved' OR (status = 'pending' AND kind = 'decision');
    DROP INDEX approvals_live_key, approvals_use_idx, approvals_call_idx;
    CREATE UNIQUE INDEX approvals_pending_key ON approvals (agent_id, call_digest) WHERE status = 'pending';
    ALTER TABLE approvals
      DROP COLUMN kind, DROP COLUMN groups, DROP COLUMN owner_id, DROP COLUMN reason,
      DROP COLUMN decided_at, DROP COLUMN use_before;
  `)
}
