import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decided, must, note, type TestLog, testLog } from '../../support/audit.ts'

/** More on demand: `TAMPER_RUNS=3000 npx vitest run test/property/audit/tampering.test.ts`. */
const RUNS = Number(process.env['TAMPER_RUNS'] ?? 150)
const CHECKPOINTS = [12, 25, 40]
const SIZE = 40
const tables = ['audit_log', 'audit_events', 'audit_decisions', 'audit_checkpoints'] as const

/** What a superuser could put in place of a value, whatever the column's type. */
const edits: Readonly<Record<string, (column: string) => string>> = {
  bigint: (column) => `${column} + 1000000`,
  text: (column) => `coalesce(${column}, '') || 'x'`,
  bytea: (column) => `sha256(${column})`,
  ARRAY: (column) => `${column}[2:]`,
  'timestamp with time zone': (column) => `${column} + interval '1 millisecond'`,
}

/** No part of what was logged: a counter that only ever drops caches, and when a row was written beside its signed note. */
const unlogged = new Set(['audit_log.id', 'audit_log.authority_epoch', 'audit_checkpoints.at'])

interface Operation {
  readonly what: string
  readonly sql: string
  readonly isForgery?: true
}

/** Of an event that is there. */
const seq = fc.integer({ min: 1, max: SIZE })
const copyOfEvent = (from: number, to: number) =>
  `INSERT INTO audit_events SELECT ${to}, id, at, type, agent_id, session_id, resource_id, resource_name, environment,
     outcome, event, leaf FROM audit_events WHERE seq = ${from} ON CONFLICT DO NOTHING`
const cutAfter = (size: number) =>
  `DELETE FROM audit_events WHERE seq > ${size}; DELETE FROM audit_decisions WHERE seq > ${size}`
const headAt = (size: number) =>
  `UPDATE audit_log SET (size, root, frontier) = (SELECT size, root, frontier FROM audit_checkpoints WHERE size = ${size})
   WHERE EXISTS (SELECT FROM audit_checkpoints WHERE size = ${size})`

let log: TestLog
let columns: readonly { readonly table: string; readonly name: string; readonly type: string }[]

beforeAll(async () => {
  log = await testLog()
  let size = 0
  for (const upTo of CHECKPOINTS) {
    const entries = Array.from({ length: upTo - size }, (_, index) =>
      index % 3 === 0 ? decided(`${upTo}.${index}`) : note(`${upTo}.${index}`),
    )
    await log.log.append(entries)
    must(await log.checkpointer.checkpoint())
    size = upTo
  }
  const { knex } = log.database
  await knex.raw('ALTER TABLE audit_events DROP CONSTRAINT audit_events_seq_check')
  await knex.raw('ALTER TABLE audit_events DROP CONSTRAINT audit_events_leaf_check')
  await knex.raw(tables.map((table) => `CREATE TABLE kept_${table} AS TABLE ${table}`).join(';'))
  const { rows } = await knex.raw(
    `SELECT table_name AS table, column_name AS name, data_type AS type FROM information_schema.columns
      WHERE table_name = ANY(?) ORDER BY 1, ordinal_position`,
    [[...tables]],
  )
  columns = rows
})
afterAll(() => log.close())

function operations(): fc.Arbitrary<Operation> {
  const edited = columns.filter(({ table, name }) => !unlogged.has(`${table}.${name}`))
  const edit = fc.tuple(fc.constantFrom(...edited), seq).map(([{ table, name, type }, at]) => {
    const value = edits[type]?.(name)
    if (value === undefined) throw new Error(`no edit is known for ${name}, a ${type}`)
    const key = table === 'audit_checkpoints' ? 'size' : 'seq'
    // The first row from there on, since not every event has a decision or a checkpoint.
    const where = table === 'audit_log' ? 'true' : `${key} = (SELECT min(${key}) FROM ${table} WHERE ${key} >= ${at})`
    return { what: `edit ${table}.${name} at ${at}`, sql: `UPDATE ${table} SET ${name} = ${value} WHERE ${where}` }
  })
  const drop = seq.map((at) => ({ what: `drop ${at}`, sql: `DELETE FROM audit_events WHERE seq = ${at}` }))
  const swap = fc.tuple(seq, seq).map(([a, b]) => ({
    what: `swap ${a} and ${b}`,
    sql: `UPDATE audit_events SET seq = -1000 WHERE seq = ${a}; UPDATE audit_events SET seq = ${a} WHERE seq = ${b};
      UPDATE audit_events SET seq = ${b} WHERE seq = -1000`,
  }))
  const insert = fc.tuple(seq, fc.integer({ min: -2, max: SIZE + 5 })).map(([from, at]) => ({
    what: `insert ${from} at ${at}`,
    sql: `UPDATE audit_events SET seq = -seq - 1000 WHERE seq >= ${at}; ${copyOfEvent(from, at)};
      UPDATE audit_events SET seq = -999 - seq WHERE seq < -900`,
  }))
  const cut = fc
    .tuple(fc.oneof(seq, fc.constantFrom(0, ...CHECKPOINTS)), fc.boolean(), fc.boolean())
    .map(([size, withHead, withCheckpoints]) => ({
      what: `cut after ${size}${withHead ? ', head' : ''}${withCheckpoints ? ', checkpoints' : ''}`,
      sql: [
        cutAfter(size),
        ...(withHead ? [headAt(size)] : []),
        ...(withCheckpoints ? [`DELETE FROM audit_checkpoints WHERE size > ${size}`] : []),
      ].join(';'),
    }))
  const forge = seq.map((at) => ({
    what: `forge ${at} with its leaf`,
    isForgery: true as const,
    sql: `UPDATE audit_events SET event = replace(event, 'cursor-ops', 'cursor-0ps'),
      leaf = sha256('\\x00'::bytea || convert_to(replace(event, 'cursor-ops', 'cursor-0ps'), 'UTF8')) WHERE seq = ${at}`,
  }))
  return fc.oneof({ weight: 3, arbitrary: edit }, drop, swap, insert, cut, forge)
}

const asSuperuser = (sql: string) =>
  log.database.knex.raw(`SET session_replication_role = replica; ${sql}; SET session_replication_role = origin`)

const restore = () =>
  asSuperuser(tables.map((table) => `DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${table}`).join(';'))

/** Whether anything differs, and the first event that does. Inputs and decisions that are gone count as dropped in time. */
async function difference(): Promise<{ readonly isAny: boolean; readonly firstEvent: number | null }> {
  const { rows } = await log.database.knex.raw(`
    SELECT (SELECT min(coalesce(e.seq, k.seq)) FROM audit_events e FULL JOIN kept_audit_events k ON e.seq = k.seq
             WHERE e IS DISTINCT FROM k) AS first,
           EXISTS (TABLE audit_decisions EXCEPT TABLE kept_audit_decisions)
           OR EXISTS (TABLE audit_log EXCEPT TABLE kept_audit_log)
           OR EXISTS (TABLE audit_checkpoints EXCEPT TABLE kept_audit_checkpoints) AS other`)
  const first = rows[0].first === null ? null : Number(rows[0].first)
  return { isAny: first !== null || rows[0].other, firstEvent: first }
}

describe('whatever a superuser does to the log', () => {
  test('is found when anything differs, at or before the first event that does, and else nothing is', {
    timeout: 60_000 + RUNS * 200,
  }, async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operations(), { minLength: 1, maxLength: 3 }), async (done) => {
        try {
          await asSuperuser(done.map(({ sql }) => sql).join(';'))
          const { isAny, firstEvent } = await difference()
          const { ok, firstBadSeq, problem } = await log.verify()
          const said = { what: done.map(({ what }) => what), firstEvent, firstBadSeq, problem }
          expect(ok, JSON.stringify(said)).toBe(!isAny)
          // A forgery with its leaf is known by the checkpoint after it only; until there, others are named first.
          if (firstEvent !== null && !done.some(({ isForgery }) => isForgery))
            expect(firstBadSeq, JSON.stringify(said)).toBeLessThanOrEqual(firstEvent)
          if (isAny) found += 1
        } finally {
          await restore()
        }
      }),
      { numRuns: RUNS },
    )
    expect(found).toBeGreaterThan(RUNS / 2)
    expect(await log.verify()).toMatchObject({ ok: true, size: SIZE })
  })

  test('is found in every column', { timeout: 120_000 }, async () => {
    for (const { table, name, type } of columns.filter((each) => !unlogged.has(`${each.table}.${each.name}`))) {
      await asSuperuser(`UPDATE ${table} SET ${name} = ${edits[type]?.(name)}`)
      expect(await log.verify(), `${table}.${name}`).toMatchObject({ ok: false })
      await restore()
    }
  })

  test('is named exactly when one event was edited or taken away', { timeout: 120_000 }, async () => {
    const at = 17
    for (const { name, type } of columns.filter(({ table }) => table === 'audit_events')) {
      await asSuperuser(`UPDATE audit_events SET ${name} = ${edits[type]?.(name)} WHERE seq = ${at}`)
      expect(await log.verify(), name).toMatchObject({ ok: false, firstBadSeq: at })
      await restore()
    }
    for (const sql of [`DELETE FROM audit_events WHERE seq = ${at}`, cutAfter(at - 1)]) {
      await asSuperuser(sql)
      expect(await log.verify()).toMatchObject({ ok: false, firstBadSeq: at })
      await restore()
    }
  })
})
