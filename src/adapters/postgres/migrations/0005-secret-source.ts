import type { Knex } from 'knex'

/** From where a version was taken over whose value somebody else keeps in the store. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE secret_versions
      ADD COLUMN source_path text,
      ADD COLUMN source_field text,
      ADD CONSTRAINT secret_versions_source_check CHECK ((source_path IS NULL) = (source_field IS NULL));
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE secret_versions DROP COLUMN source_path, DROP COLUMN source_field')
}
