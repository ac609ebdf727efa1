import type { Knex } from 'knex'

/** When the authority of a certificate that renews itself is asked again whether the time for it has changed (RFC 9773). */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE certificates ADD COLUMN check_renewal_at timestamptz;
    UPDATE certificates SET check_renewal_at = now() WHERE renew_at IS NOT NULL;
    CREATE INDEX certificates_check_renewal_at_idx ON certificates (check_renewal_at) WHERE check_renewal_at IS NOT NULL;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE certificates DROP COLUMN check_renewal_at')
}
