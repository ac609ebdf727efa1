import type { Knex } from 'knex'
import type { Kill } from './kill.ts'

/** SQL for whether a kill in force matches the row of `agents` of the query around it. */
export function isKilledSql(db: Knex): Knex.Raw {
  return db.raw(`EXISTS (SELECT FROM kills WHERE kills.in_force AND (kills.kind = 'all'
    OR (kills.kind = 'agent' AND kills.target_id = agents.id)
    OR (kills.kind = 'owner' AND kills.target_id = agents.owner_id)
    OR (kills.kind = 'group' AND kills.target_id IN (SELECT group_id FROM agent_groups WHERE agent_id = agents.id))))`)
}

/** Keeps only the agents that a kill matches. */
export function whereMatched(
  query: Knex.QueryBuilder,
  db: Knex,
  { kind, target }: Pick<Kill, 'kind' | 'target'>,
): void {
  if (target === null) return
  if (kind === 'agent') void query.where('agents.id', target.id)
  else if (kind === 'owner') void query.where('agents.owner_id', target.id)
  else void query.whereIn('agents.id', db('agent_groups').select('agent_id').where('group_id', target.id))
}

/** Keeps only kills that stop agents of one of the groups, given by name, and those of all, which name nobody. */
export function whereReaching(query: Knex.QueryBuilder, groups: readonly string[]): void {
  void query.whereRaw(
    `(kills.kind = 'all' OR EXISTS (
      SELECT FROM groups LEFT JOIN agent_groups m ON m.group_id = groups.id LEFT JOIN agents ON agents.id = m.agent_id
      WHERE groups.name = ANY(?::text[])
        AND kills.target_id = CASE kills.kind WHEN 'group' THEN groups.id WHEN 'owner' THEN agents.owner_id ELSE agents.id END))`,
    [[...groups]],
  )
}
