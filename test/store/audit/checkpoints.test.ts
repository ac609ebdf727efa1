import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../../src/domain/audit/checkpoint.ts'
import { CheckpointHistory, checkpointsKept } from '../../../src/domain/audit/checkpoint-history.ts'
import { firstMissingSeq } from '../../../src/domain/audit/log-head.ts'
import { auditLogOn, must, note, type TestLog, testLog } from '../../support/audit.ts'

let log: TestLog
beforeEach(async () => {
  log = await testLog()
})
afterEach(() => log.close())

describe('a checkpoint', () => {
  test('is signed when the log grew, inside and outside the database, and not otherwise', async () => {
    expect(must(await log.checkpointer.checkpoint())).toBeNull()
    await append(3)
    const first = must(await log.checkpointer.checkpoint())
    expect(must(await log.checkpointer.checkpoint())).toEqual(first)
    await append(2)
    const second = must(await log.checkpointer.checkpoint())
    const head = await log.log.head()
    expect(openCheckpoint(second?.note ?? '', log.key)).toEqual({ origin: log.key.origin, ...head })
    expect(await log.history.notes()).toEqual([first?.note, second?.note])
    expect(await log.database.knex('audit_checkpoints').orderBy('size').pluck('note')).toEqual([
      first?.note,
      second?.note,
    ])
  })

  test('is one, however many ask or sign at the same time', async () => {
    await append(5)
    const replica = must(await log.restarted())
    const notes = await Promise.all(
      [log.checkpointer, replica, log.checkpointer, replica].map((one) => one.checkpoint()),
    )
    expect(new Set(notes.map((signed) => must(signed)?.note)).size).toBe(1)
    expect(await log.verify()).toMatchObject({ ok: true })
  })

  test('is not signed over a log that does not continue the last one', async () => {
    await append(4)
    must(await log.checkpointer.checkpoint())
    await append(4)
    await tamper('UPDATE audit_events SET leaf = sha256(leaf) WHERE seq = 6')
    const refused = await log.checkpointer.checkpoint()
    expect(refused).toMatchObject({ ok: false, error: { message: expect.stringContaining('does not continue') } })
    expect(await log.history.notes()).toHaveLength(1)
  })
})

describe('the copy outside the database', () => {
  test('leaves out a note that a crash cut short, and goes on after it', async () => {
    await append(1)
    const signed = must(await log.checkpointer.checkpoint())
    appendFileSync(join(log.directory, 'audit', 'checkpoints'), `${log.key.origin}\n2\nAAAA`)
    const history = new CheckpointHistory(join(log.directory, 'audit', 'checkpoints'))
    expect(await history.notes()).toEqual([signed?.note])
    await history.add(signed?.note ?? '')
    expect(await history.notes()).toEqual([signed?.note, signed?.note])
  })

  test('keeps the newest only', async () => {
    const path = join(log.directory, 'many')
    const notes = Array.from({ length: checkpointsKept * 1.1 }, (_, index) => `o\n${index + 1}\nr\n\n— o s\n`)
    writeFileSync(path, notes.map((one) => `${one}\n`).join(''))
    await new CheckpointHistory(path).add('o\n99999\nr\n\n— o s\n')
    expect(await new CheckpointHistory(path).notes()).toEqual([
      ...notes.slice(-checkpointsKept),
      'o\n99999\nr\n\n— o s\n',
    ])
  })
})

describe('at start', () => {
  test('an empty log, one without a checkpoint yet, and one that grew since are fine', async () => {
    must(await log.restarted())
    await append(3)
    must(await log.restarted())
    must(await log.checkpointer.checkpoint())
    await append(700)
    const restarted = must(await log.restarted())
    expect(must(await restarted.checkpoint())?.size).toBe(703)
  })

  test('a log that lost its tail is refused, unless the operator accepts exactly its size', async () => {
    const backup = await grownBy(5, 3)
    await restore(backup)
    const refused = await log.restarted()
    expect(refused).toMatchObject({
      ok: false,
      error: {
        message: expect.stringMatching(/has 5 events and .* has 8: it was truncated.*audit\.acceptTruncated: 5,/u),
      },
    })
    expect(await log.restarted({ acceptTruncated: 4 })).toMatchObject({ ok: false })

    const accepted = must(await log.restarted({ acceptTruncated: 5 }))
    const event = await log.database.knex('audit_events').where({ seq: 6 }).first('event')
    expect(JSON.parse(event.event)).toMatchObject({
      type: 'AUDIT_CHECKPOINT',
      details: { acceptedTruncatedSize: 5, previousSize: 8 },
    })
    expect(must(await accepted.checkpoint())?.size).toBe(6)
    expect(await log.history.notes()).toHaveLength(1)
    expect(readdirSync(join(log.directory, 'audit')).filter((name) => name.startsWith('checkpoints.'))).toHaveLength(1)
    must(await log.restarted({ acceptTruncated: 5 }))
  })

  test.each([1, 2, 5])(
    'a log that lost event %i before its last checkpoint is refused, whatever is accepted',
    async (seq) => {
      await append(7)
      must(await log.checkpointer.checkpoint())
      await append(2)
      await tamper(`DELETE FROM audit_events WHERE seq IN (${seq}, 6)`)
      const refused = {
        ok: false,
        error: { message: expect.stringContaining(`contradicts itself: event ${seq} is missing`) },
      }
      expect(await log.restarted()).toMatchObject(refused)
      expect(await log.restarted({ acceptTruncated: 9 })).toMatchObject(refused)
    },
  )

  test('a log that lost an event far back is refused too', async () => {
    await log.database.knex.raw('ALTER TABLE audit_events DISABLE TRIGGER USER')
    await log.database.knex.raw(
      `INSERT INTO audit_events (seq, id, at, type, environment, outcome, event, leaf)
        SELECT seq, 'evt_' || seq, now(), 'AI_AGENT_NOTE', '', 'ok', '{}', sha256(seq::text::bytea) FROM generate_series(1, 110000) AS seq`,
    )
    expect(await firstMissingSeq(log.database.knex, 110_000)).toBeUndefined()
    await log.database.knex.raw('DELETE FROM audit_events WHERE seq IN (100001, 109999)')
    expect(await firstMissingSeq(log.database.knex, 110_000)).toBe(100_001)
  })

  test('a log that went on differently after a restore is refused', async () => {
    await restore(await grownBy(5, 3))
    await tamper('DELETE FROM audit_checkpoints')
    const history = readFileSync(join(log.directory, 'audit', 'checkpoints'))
    rmSync(join(log.directory, 'audit', 'checkpoints'))
    const other = must(await log.restarted())
    const replica = auditLogOn(log.database)
    await replica.append(Array.from({ length: 9 }, () => note('a note')))
    await replica.close()
    must(await other.checkpoint())
    writeFileSync(join(log.directory, 'audit', 'checkpoints'), history)
    expect(await log.restarted()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('it is not the same log') },
    })
  })

  test('an outside copy that is older than the database, as of a replica that was away, is fine while consistent', async () => {
    await append(3)
    must(await log.checkpointer.checkpoint())
    const history = readFileSync(join(log.directory, 'audit', 'checkpoints'))
    await append(3)
    must(await log.checkpointer.checkpoint())
    writeFileSync(join(log.directory, 'audit', 'checkpoints'), history)
    must(await log.restarted())
    await tamper('DELETE FROM audit_checkpoints WHERE size = 3')
    must(await log.restarted())
    await tamper('UPDATE audit_events SET leaf = sha256(leaf) WHERE seq = 5')
    expect(await log.restarted()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('does not continue') },
    })
    await tamper('UPDATE audit_events SET leaf = sha256(leaf) WHERE seq = 2')
    expect(await log.restarted()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('another root') },
    })
  })

  test('a database whose checkpoints are gone is refused while there is an outside copy', async () => {
    await append(3)
    must(await log.checkpointer.checkpoint())
    await tamper('DELETE FROM audit_checkpoints')
    expect(await log.restarted()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('no checkpoint') },
    })
  })

  test.each([
    [
      'a changed event since the last checkpoint',
      "UPDATE audit_events SET event = replace(event, 'note', 'n0te') WHERE seq = 6",
      'event 6',
    ],
    ['a missing event since the last checkpoint', 'DELETE FROM audit_events WHERE seq = 7', 'event 7'],
    ['a head with another root', "UPDATE audit_log SET root = sha256('x')", 'head'],
    [
      'a head that is shorter than its checkpoint',
      "UPDATE audit_log SET size = 0, frontier = '{}', root = sha256('')",
      'its last checkpoint 5',
    ],
    [
      'a checkpoint with another note',
      "UPDATE audit_checkpoints SET note = replace(note, E'\\n5\\n', E'\\n4\\n')",
      'not what the key signed',
    ],
    ['a checkpoint with another root', "UPDATE audit_checkpoints SET root = sha256('x')", 'not what the key signed'],
    [
      'a checkpoint with another frontier',
      'UPDATE audit_checkpoints SET frontier = ARRAY[frontier[2], frontier[1]]',
      'not what the key signed',
    ],
  ])('%s is refused, whatever the operator accepts', async (_, sql, words) => {
    await append(5)
    must(await log.checkpointer.checkpoint())
    await append(3)
    await tamper(sql)
    for (const options of [{}, { acceptTruncated: 8 }, { acceptTruncated: 0 }]) {
      const refused = await log.restarted(options)
      expect(refused).toMatchObject({ ok: false, error: { message: expect.stringContaining('contradicts itself') } })
      expect(refused).toMatchObject({ ok: false, error: { message: expect.stringContaining(words) } })
    }
  })

  test('an outside copy that another key signed is refused', async () => {
    await append(1)
    const other = await testLog()
    await other.log.append([note('1'), note('2')])
    must(await other.checkpointer.checkpoint())
    writeFileSync(
      join(log.directory, 'audit', 'checkpoints'),
      readFileSync(join(other.directory, 'audit', 'checkpoints')),
    )
    await other.close()
    expect(await log.restarted()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('is not signed with the key') },
    })
  })
})

const tables = ['audit_log', 'audit_events', 'audit_checkpoints']

async function append(count: number): Promise<void> {
  await log.log.append(Array.from({ length: count }, () => note('a note')))
}

/** Grows the log in two steps with a checkpoint each. @returns a backup made between them */
async function grownBy(before: number, after: number): Promise<unknown[][]> {
  await append(before)
  must(await log.checkpointer.checkpoint())
  const backup = await Promise.all(tables.map((table) => log.database.knex(table).select()))
  await append(after)
  must(await log.checkpointer.checkpoint())
  return backup
}

async function restore(backup: unknown[][]): Promise<void> {
  for (const [index, table] of tables.entries()) {
    await tamper(`DELETE FROM ${table}`)
    await log.database.knex(table).insert(backup[index])
  }
}

/** Runs SQL as somebody with every right in the database. */
async function tamper(sql: string): Promise<void> {
  await log.database.knex.raw(`SET session_replication_role = replica; ${sql}; SET session_replication_role = origin`)
}
