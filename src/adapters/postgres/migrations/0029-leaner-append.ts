import type { Knex } from 'knex'
import { createAppend } from './0002-audit-log.ts'

/**
 * The group commit's way in with less to send and less to do: sequence numbers follow from the place in the arrays, all
 * events have one time, the head is locked and moved by one statement, and it is told only to a caller that was wrong about it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP FUNCTION audit_append;
    CREATE FUNCTION audit_append(
      expected_size bigint, new_size bigint, new_root bytea, new_frontier bytea[], advance boolean, at timestamptz,
      ids text[], types text[], agent_ids text[], session_ids text[], resource_ids text[], resource_names text[],
      environments text[], outcomes text[], events text[], leaves bytea[],
      decision_seqs bigint[], decision_ids text[], inputs text[], decisions text[],
      OUT applied boolean, OUT size bigint, OUT root bytea, OUT frontier bytea[], OUT authority_epoch bigint, OUT now_ms double precision
    ) LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE audit_log l
        SET size = new_size, root = new_root, frontier = new_frontier, authority_epoch = l.authority_epoch + advance::int
        WHERE l.id = 'main' AND l.size = expected_size
        RETURNING l.authority_epoch INTO authority_epoch;
      applied := FOUND;
      IF NOT applied THEN
        SELECT l.size, l.root, l.frontier INTO size, root, frontier FROM audit_log l WHERE l.id = 'main' FOR UPDATE;
        RETURN;
      END IF;
      now_ms := extract(epoch FROM clock_timestamp()) * 1000;
      INSERT INTO audit_events (seq, id, at, type, agent_id, session_id, resource_id, resource_name, environment, outcome, event, leaf)
        SELECT expected_size + place, id, audit_append.at, type, agent_id, session_id, resource_id, resource_name, environment, outcome, event, leaf
        FROM unnest(ids, types, agent_ids, session_ids, resource_ids, resource_names, environments, outcomes, events, leaves)
          WITH ORDINALITY AS e (id, type, agent_id, session_id, resource_id, resource_name, environment, outcome, event, leaf, place);
      IF cardinality(decision_seqs) > 0 THEN
        INSERT INTO audit_decisions (seq, decision_id, at, input, decision)
          SELECT seq, decision_id, audit_append.at, input, decision
          FROM unnest(decision_seqs, decision_ids, inputs, decisions) AS d (seq, decision_id, input, decision);
      END IF;
    END $$;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`DROP FUNCTION audit_append; ${createAppend}`)
}
