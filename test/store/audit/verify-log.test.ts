import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { leafHash } from '../../../src/domain/audit/merkle.ts'
import { decided, must, note, type TestLog, testLog } from '../../support/audit.ts'

const SIZE = 240

describe('verifying the log in the running gateway', () => {
  let log: TestLog
  beforeAll(async () => {
    log = await testLog()
    for (const part of [100, 100, SIZE - 200]) {
      await log.log.append(
        Array.from({ length: part }, (_, index) =>
          index % 3 === 0 ? decided(`${part}.${index}.${Math.random()}`) : note(`${index}`),
        ),
      )
      must(await log.checkpointer.checkpoint())
    }
  })
  afterAll(() => log.close())

  test('passes with its size, root and newest checkpoint when nothing was touched', async () => {
    const { root } = await log.log.head()
    const signed = must(await log.checkpointer.checkpoint())
    expect(await log.verify()).toEqual({
      ok: true,
      size: SIZE,
      root: root.toString('hex'),
      checkpoint: signed?.note,
      firstBadSeq: null,
      problem: null,
    })
  })

  test('passes when old inputs and decisions were dropped, as they may be', async () => {
    expect(await afterTampering('DELETE FROM audit_decisions WHERE seq < 50')).toMatchObject({ ok: true })
  })

  test.each([
    ['id', "'evt_x'"],
    ['at', "at + interval '1 microsecond'"],
    ['type', "'AGENT_CREATED'"],
    ['agent_id', "'agt_x'"],
    ['agent_id', 'NULL'],
    ['session_id', "'ses_x'"],
    ['resource_id', "'sec_x'"],
    ['resource_name', "'another'"],
    ['resource_name', 'NULL'],
    ['environment', "'production'"],
    ['outcome', "'allow'"],
    ['outcome', 'NULL'],
    ['event', "replace(event, 'cursor-ops', 'cursor-0ps')"],
    ['event', "replace(event, ':', ': ')"],
    ['event', "'null'"],
    ['event', "'{'"],
    ['leaf', 'sha256(leaf)'],
  ])('finds column %s edited to %s', async (column, value) => {
    for (const seq of [1, 128, SIZE]) {
      const found = await afterTampering(`UPDATE audit_events SET ${column} = ${value} WHERE seq = ${seq}`)
      expect(found).toMatchObject({ ok: false, firstBadSeq: seq })
    }
  })

  test.each([
    ['input', `replace(input, 'prod', 'edge')`],
    ['decision', `replace(decision, 'deny', 'allow')`],
    ['decision_id', `'dec_x'`],
    ['at', `at + interval '1 day'`],
    ['seq', '2'],
  ])('finds the %s of a decision edited', async (column, value) => {
    const found = await afterTampering(`UPDATE audit_decisions SET ${column} = ${value} WHERE seq = 101`)
    expect(found).toMatchObject({ ok: false, firstBadSeq: column === 'seq' ? 2 : 101 })
  })

  test('finds a decision for an event that does not exist', async () => {
    expect(await afterTampering(`UPDATE audit_decisions SET seq = ${SIZE + 9} WHERE seq = 101`)).toMatchObject({
      ok: false,
      firstBadSeq: SIZE + 9,
    })
  })

  test.each([1, 77, SIZE - 1])('names event %i when its row is deleted', async (seq) => {
    expect(await afterTampering(`DELETE FROM audit_events WHERE seq = ${seq}`)).toMatchObject({
      ok: false,
      firstBadSeq: seq,
    })
  })

  test('finds two rows exchanged, a row moved, and rows inserted before, after and between', async () => {
    const exchange = `UPDATE audit_events a SET event = b.event, leaf = b.leaf FROM audit_events b WHERE (a.seq, b.seq) IN ((31, 32), (32, 31))`
    expect(await afterTampering(exchange)).toMatchObject({ ok: false, firstBadSeq: 31 })
    expect(
      await afterTampering(
        `UPDATE audit_events SET seq = -1 WHERE seq = 31; UPDATE audit_events SET seq = 31 WHERE seq = 32; UPDATE audit_events SET seq = 32 WHERE seq = -1`,
      ),
    ).toMatchObject({ ok: false, firstBadSeq: 31 })
    const copyTo = (seq: string) =>
      `INSERT INTO audit_events SELECT ${seq}, id, at, type, agent_id, session_id, resource_id, resource_name, environment, outcome, event, leaf FROM audit_events WHERE seq = 7`
    expect(await afterTampering(copyTo(`${SIZE + 1}`))).toMatchObject({ ok: false, firstBadSeq: SIZE + 1 })
    expect(await afterTampering(copyTo('0'))).toMatchObject({ ok: false, firstBadSeq: 0 })
    expect(
      await afterTampering(
        `UPDATE audit_events SET seq = -seq WHERE seq >= 50; UPDATE audit_events SET seq = 1 - seq WHERE seq < 0; ${copyTo('50')}`,
      ),
    ).toMatchObject({ ok: false, firstBadSeq: 50 })
  })

  test('finds the tail cut, with and without the head put right, and with the checkpoints cut too', async () => {
    const cut = 'DELETE FROM audit_events WHERE seq > 200; DELETE FROM audit_decisions WHERE seq > 200'
    const head = `UPDATE audit_log SET (size, root, frontier) = (SELECT size, root, frontier FROM audit_checkpoints WHERE size = 200)`
    const checkpoints = 'DELETE FROM audit_checkpoints WHERE size > 200'
    for (const sql of [cut, `${cut}; ${head}`, `${cut}; ${head}; ${checkpoints}`]) {
      expect(await afterTampering(sql)).toMatchObject({ ok: false, firstBadSeq: 201 })
    }
    // What the process has seen is enough to know; so is, for another process, the copy outside.
    const history = join(log.directory, 'audit', 'checkpoints')
    const outside = await log.history.notes()
    rmSync(history)
    expect(await afterTampering(`${cut}; ${head}; ${checkpoints}`)).toMatchObject({ ok: false, firstBadSeq: 201 })
    for (const one of outside) await log.history.add(one)
  })

  test('finds an event changed together with its leaf hash by the checkpoint after it', async () => {
    const { event } = await log.database.knex('audit_events').where({ seq: 150 }).first('event')
    const forged = event.replace('"outcome":"ok"', '"outcome":"deny"').replace('"outcome":"deny"', '"outcome":"allow"')
    const sql = `UPDATE audit_events SET event = '${forged}', outcome = 'allow', leaf = '\\x${leafHash(forged).toString('hex')}' WHERE seq = 150`
    expect(await afterTampering(sql)).toMatchObject({
      ok: false,
      firstBadSeq: 101,
      problem: expect.stringContaining('size 200'),
    })
  })

  test.each([
    ['the root of the head', "UPDATE audit_log SET root = sha256('x')", SIZE + 1],
    ['the frontier of the head', 'UPDATE audit_log SET frontier = frontier[2:]', SIZE + 1],
    ['the size of the head', `UPDATE audit_log SET size = ${SIZE + 5}`, SIZE + 1],
    ['the root of a checkpoint', "UPDATE audit_checkpoints SET root = sha256('x') WHERE size = 200", 101],
    ['the frontier of a checkpoint', "UPDATE audit_checkpoints SET frontier = '{}' WHERE size = 100", 1],
    [
      'the note of a checkpoint',
      "UPDATE audit_checkpoints SET note = replace(note, 'certlocker', 'certl0cker') WHERE size = 200",
      101,
    ],
    ['the key of a checkpoint', "UPDATE audit_checkpoints SET key_id = 'x' WHERE size = 200", 101],
    ['the size of a checkpoint', 'UPDATE audit_checkpoints SET size = 150 WHERE size = 200', 101],
  ])('finds %s edited', async (_, sql, firstBadSeq) => {
    expect(await afterTampering(sql)).toMatchObject({ ok: false, firstBadSeq })
  })

  test('finds a copy outside the database that says otherwise', async () => {
    const other = await testLog()
    await other.log.append([note('1'), note('2')])
    const foreign = must(await other.checkpointer.checkpoint())
    await other.close()
    await log.history.add(foreign?.note ?? '')
    expect(await log.verify()).toMatchObject({
      ok: false,
      firstBadSeq: 1,
      problem: expect.stringContaining('outside the database'),
    })
  })

  /** The verdict on the log with every right in the database used for this; the log is as before afterwards. */
  async function afterTampering(sql: string) {
    const { knex } = log.database
    const tables = ['audit_log', 'audit_events', 'audit_decisions', 'audit_checkpoints']
    const asSuperuser = (statements: string) =>
      knex.raw(`SET session_replication_role = replica; ${statements}; SET session_replication_role = origin`)
    await knex.raw('ALTER TABLE audit_events DROP CONSTRAINT IF EXISTS audit_events_seq_check')
    await knex.raw(tables.map((table) => `CREATE TABLE kept_${table} AS TABLE ${table}`).join(';'))
    try {
      await asSuperuser(sql)
      return await log.verify()
    } finally {
      await asSuperuser(
        tables
          .map((table) => `DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${table}; DROP TABLE kept_${table}`)
          .join(';'),
      )
    }
  }
})
