import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataTables, dumpDatabase } from '../../../src/adapters/postgres/archive/dump-database.ts'
import { restoreDatabase } from '../../../src/adapters/postgres/archive/restore-database.ts'
import { emptyDatabase, testDatabase, type TestDatabase } from '../../support/database.ts'

let from: TestDatabase
let into: TestDatabase
beforeEach(async () => {
  from = await testDatabase()
  into = await emptyDatabase()
})
afterEach(() => Promise.all([from.drop(), into.drop()]))

async function dumped({ knex }: TestDatabase): Promise<string[]> {
  const lines: string[] = []
  for await (const line of dumpDatabase(knex)) lines.push(line)
  return lines
}
const restored = (lines: readonly string[], force = false) => restoreDatabase(into.knex, stream(lines), force)
const tablesIn = ({ knex }: TestDatabase) => dataTables(knex)

async function* stream(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}

async function fill(): Promise<void> {
  await from.knex.raw(`
    INSERT INTO groups (id, name, environment, description, domains, created_at, created_by)
      SELECT 'grp_' || n, 'g' || n, 'staging', E'a "quoted"\\n\\\\ line, €, 😀, ?', ARRAY['a,b', '{}', ''],
        '2026-01-02 03:04:05.678901+00', 'test' FROM generate_series(1, 1201) n;
    INSERT INTO people (id, email, name, role, created_at, created_by) VALUES ('per_1', 'a@b', 'A', 'admin', now(), 'test');
    INSERT INTO person_groups VALUES ('per_1', 'grp_1');
    INSERT INTO hosts VALUES ('hst_1', 'h', 'a', 22, '{}', '{}', '{}', '{"n": 9007199254740993.10, "b": null}', now(), 'test');
    INSERT INTO audit_checkpoints VALUES
      (9007199254740993, '\\x00ff', ARRAY['\\x00'::bytea, '\\x5c22'::bytea], E'— note\\n', 'k', now())
  `)
}

describe('a database put back', () => {
  test('is to the bit what was dumped, of every type and however many rows', async () => {
    await fill()
    const lines = await dumped(from)
    const counts = await restored(lines)
    expect(counts).toMatchObject({ groups: 1201, people: 1, person_groups: 1, audit_checkpoints: 1, audit_log: 1 })
    expect(await dumped(into)).toEqual(lines)
  })

  test('has every constraint and trigger that a migrated one has', async () => {
    await restored(await dumped(from))
    const shape = async ({ knex }: TestDatabase) =>
      (
        await knex.raw(
          `SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS says FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
           UNION ALL SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
           ORDER BY 1, 2`,
        )
      ).rows
    expect(await shape(into)).toEqual(await shape(from))
    expect((await shape(into)).length).toBeGreaterThan(50)
  })

  test('is of one moment, whatever is written meanwhile', async () => {
    const lines: string[] = []
    for await (const line of dumpDatabase(from.knex)) {
      if (lines.push(line) === 1)
        await from.knex.raw(`INSERT INTO people (id, email, name, role, created_at, created_by)
          VALUES ('per_late', 'late@b', 'A', 'admin', now(), 'test')`)
    }
    expect(lines.join()).not.toContain('per_late')
    expect((await dumped(from)).join()).toContain('per_late')
  })
})

describe('a database stays as it was', () => {
  const refused = async (lines: readonly string[], says: RegExp, force = false) => {
    const before = await dumped(into).catch(() => [])
    await expect(restored(lines, force)).rejects.toThrow(says)
    expect(await dumped(into).catch(() => [])).toEqual(before)
  }

  test('when it is not empty, unless forced', async () => {
    const lines = await dumped(from)
    await restored(lines)
    await fill()
    await refused(await dumped(from), /not empty/u)
    await restored(await dumped(from), true)
    expect(await dumped(into)).toEqual(await dumped(from))
  })

  test('when it holds tables of others, even forced', async () => {
    await into.knex.raw('CREATE TABLE theirs (n int)')
    await expect(restored(await dumped(from), true)).rejects.toThrow(/not CertLocker's \(theirs\)/u)
    expect(await tablesIn(into)).toEqual(['theirs'])
  })

  test('when the dump is of a newer version, or refers to a row that is not in it, or breaks off', async () => {
    await fill()
    const lines = await dumped(from)
    await refused(['{"migrations":["9999-later"]}'], /newer version of CertLocker \(9999-later\)/u)
    await refused(
      lines.filter((line) => !line.startsWith('["people"')),
      /person_groups_person_fkey/u,
    )
    await refused([...lines, '["no_table",{}]'], /no table of its version/u)
    await refused([], /holds no database/u)
    expect(await tablesIn(into)).toEqual([])
  })
})

test('no column counts by a sequence, which a dump would not bring along', async () => {
  const { rows } = await from.knex.raw(
    "SELECT relname FROM pg_class WHERE relkind = 'S' AND relname NOT LIKE 'knex_migrations%'",
  )
  expect(rows).toEqual([])
})
