import type { Knex } from 'knex'

/** Replicas that hold a call for an approval hear at once that it was decided elsewhere. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE FUNCTION announce_approval() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('certlocker_approvals', '');
      RETURN NULL;
    END $$;
    CREATE TRIGGER approvals_announces_status AFTER UPDATE OF status ON approvals
      FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
      EXECUTE FUNCTION announce_approval();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TRIGGER approvals_announces_status ON approvals; DROP FUNCTION announce_approval()')
}
