import type { Knex } from 'knex'

/**
 * The generations of the sealed-box key that values may be sealed with; the last one is in use. `installation_keys` goes on
 * naming the first, to which the installation belongs. The foreign key keeps a generation for as long as a value needs it,
 * and a replica that has not noticed a change from sealing with one that was dropped.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE sealing_keys (
      fingerprint text CONSTRAINT sealing_keys_pkey PRIMARY KEY,
      generation integer NOT NULL CONSTRAINT sealing_keys_generation_key UNIQUE,
      created_at timestamptz NOT NULL
    );
    INSERT INTO sealing_keys (fingerprint, generation, created_at)
      SELECT fingerprint, 1, created_at FROM installation_keys WHERE purpose = 'secrets';

    ALTER TABLE sealed_values
      ADD CONSTRAINT sealed_values_key_id_fkey FOREIGN KEY (key_id) REFERENCES sealing_keys (fingerprint);
    CREATE INDEX sealed_values_key_id_idx ON sealed_values (key_id, path, version);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP INDEX sealed_values_key_id_idx;
    ALTER TABLE sealed_values DROP CONSTRAINT sealed_values_key_id_fkey;
    DROP TABLE sealing_keys;
  `)
}
