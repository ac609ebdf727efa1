import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../src/domain/audit/event.ts'
import { PostgresAuditLog } from '../../../src/domain/audit/postgres-audit-log.ts'
import { appendBounds } from '../../../src/domain/audit/append-queue.ts'
import { canonicalJson } from '../../../src/kernel/canonical-json.ts'
import { digestOf } from '../../../src/kernel/digest.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { auditLogOn, decided, note, type TestLog, testLog } from '../../support/audit.ts'
import { faultProxy } from '../../support/fault-proxy.ts'

const unavailable = { fault: { code: 'GATEWAY_AUDIT_UNAVAILABLE' } }

describe('appending to the audit log', () => {
  let log: TestLog
  beforeAll(async () => {
    log = await testLog()
  })
  afterAll(() => log.close())

  test('gives the events their place and time, and keeps the text that is hashed, its index and the decision', async () => {
    const [first, second] = await log.log.append([note('één\u0000 "quoted" \\ 🔑'), decided('d1')])
    expect(second?.seq).toBe((first?.seq ?? 0) + 1)
    expect(first).toMatchObject({ id: expect.stringMatching(/^evt_/), actor: null, reasons: [], policy: null })
    const row = await log.database.knex('audit_events').where({ seq: first?.seq }).first()
    expect(row).toMatchObject({
      id: first?.id,
      type: 'AI_AGENT_NOTE',
      agent_id: 'agt_1',
      session_id: 'ses_1',
      resource_id: 'sec_1',
      resource_name: 'edge-key',
      environment: 'staging',
      outcome: 'ok',
      event: canonicalJson(first),
    })
    expect(row.at.toISOString()).toBe(first?.at)
    const kept = await log.database.knex('audit_decisions').where({ seq: second?.seq }).first()
    expect(kept).toMatchObject({ decision_id: 'dec_d1' })
    expect(second).toMatchObject({
      decisionId: 'dec_d1',
      inputDigest: digestOf(JSON.parse(kept.input)),
      details: { decisionDigest: digestOf(JSON.parse(kept.decision)) },
    })
    expect(await log.verify()).toMatchObject({ ok: true, problem: null })
  })

  test('refuses only the entry that cannot be written, not those that wait with it', async () => {
    const answers = await Promise.allSettled([
      log.log.append([note('before')]),
      log.log.append([note('lone surrogate \ud800')]),
      log.log.append([{ event: { type: 'AI_AGENT_NOTE', sessionId: 'nul\u0000' } }]),
      log.log.append([{ ...decided('d2'), event: { type: 'AI_AGENT_POLICY_DENIED', inputDigest: 'sha256:00' } }]),
      log.log.append([note('after')]),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'])
    expect(await log.verify()).toMatchObject({ ok: true })
  })

  test('keeps the entries of one append together and in order, however many there are', async () => {
    const many = Array.from({ length: appendBounds.entriesPerBatchMax + 1 }, (_, index) => note(`${index}`))
    const [events] = await Promise.all([log.log.append(many), log.log.append([note('another')])])
    const start = events[0]?.seq ?? 0
    expect(events.map(({ seq }) => seq)).toEqual(many.map((_, index) => start + index))
    expect(events.map(({ details }) => details['message'])).toEqual(many.map((_, index) => `${index}`))
  })

  test('refuses at once when the queue is full, and goes on when it is not', async () => {
    const filling = log.log.append(Array.from({ length: appendBounds.entriesQueuedMax }, () => note('many')))
    await expect(log.log.append([note('one too many')])).rejects.toMatchObject(unavailable)
    expect(await filling).toHaveLength(appendBounds.entriesQueuedMax)
    expect(await log.log.append([note('again')])).toHaveLength(1)
  })

  test('within a transaction rides with its commit, and leaves nothing after a rollback', async () => {
    const told: AuditEvent[] = []
    const epochs: number[] = []
    const other = auditLogOn(log.database, [
      { appended: (events) => told.push(...events), authority: (epoch) => epochs.push(epoch) },
    ])
    const before = await other.head()
    await expect(
      log.database.knex.transaction(async (trx) => {
        await other.appendIn(trx, [note('rolled back')], { advanceAuthority: true })
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    expect(await other.head()).toEqual(before)

    const receipt = await log.database.knex.transaction((trx) =>
      other.appendIn(trx, [note('one'), note('two')], { advanceAuthority: true }),
    )
    expect(told).toEqual([])
    receipt.committed()
    expect(told).toEqual(receipt.events)
    await other.append([note('three')])
    expect(told.map(({ seq }) => seq)).toEqual([1, 2, 3].map((step) => before.size + step))
    const [epoch = Number.NaN] = epochs
    expect(epochs).toEqual([epoch, epoch])
    await other.close()
    expect(await log.verify()).toMatchObject({ ok: true })
  })

  test('a line that was committed is told before its caller goes on', async () => {
    const order: string[] = []
    const other = auditLogOn(log.database, [{ appended: () => order.push('told'), authority: () => undefined }])
    await other.append([note('x')])
    order.push('answered')
    expect(order).toEqual(['told', 'answered'])
    await other.close()
    await expect(other.append([note('late')])).rejects.toMatchObject(unavailable)
  })
})

describe('two replicas', () => {
  test('append concurrently, in and outside of transactions: no gap, every answer once, a log that verifies', async () => {
    const log = await testLog()
    const other = auditLogOn(log.database)
    const write = async (replica: PostgresAuditLog, index: number): Promise<readonly AuditEvent[]> => {
      if (index % 10 !== 0)
        return replica.append([index % 2 === 0 ? note(`${index}`) : decided(`${index}-${Math.random()}`)])
      const receipt = await log.database.knex.transaction((trx) =>
        replica.appendIn(trx, [note('in'), note('transaction')], { advanceAuthority: false }),
      )
      receipt.committed()
      return receipt.events
    }
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) => [write(log.log, index), write(other, index)]).flat(),
    )
    const seqs = answers.flat().map(({ seq }) => seq)
    expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1100 }, (_, index) => index + 1))
    expect(await log.verify()).toMatchObject({ ok: true, size: 1100 })
    await other.close()
    await log.close()
  })
})

describe('when the connection breaks', () => {
  test('a batch is refused or committed once, and the next append goes through', async () => {
    const log = await testLog()
    const { knex } = log.database
    let refused = 0
    for (let round = 0; round < 15; round++) {
      const appends = Array.from({ length: 20 }, (_, index) => log.log.append([note(`${round}.${index}`)]))
      const killing = knex.raw(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'audit' AND datname = current_database()",
      )
      const [answers] = await Promise.all([Promise.allSettled(appends), killing])
      for (const answer of answers) {
        if (answer.status === 'rejected') {
          refused += 1
          expect(answer.reason).toMatchObject(unavailable)
        } else {
          const [event] = answer.value
          const row = await knex('audit_events').where({ seq: event?.seq }).first()
          expect(row.id).toBe(event?.id)
        }
      }
      await expect.poll(async () => (await log.log.append([note('next')]).catch(() => [])).length).toBe(1)
    }
    const { rows } = await knex.raw(
      "SELECT count(*)::int AS rows, count(DISTINCT event::json->'details'->>'message')::int AS texts FROM audit_events WHERE event NOT LIKE '%\"next\"%'",
    )
    expect(rows[0].rows).toBe(rows[0].texts)
    expect(rows[0].rows).toBeGreaterThanOrEqual(300 - refused)
    expect(refused).toBeGreaterThan(0)
    expect(await log.verify()).toMatchObject({ ok: true })
    await log.close()
  })

  test('a silent database is away after five seconds, and no longer when it speaks again', async () => {
    const log = await testLog()
    const { connection } = log.database
    const proxy = await faultProxy(connection.port)
    const distant = new PostgresAuditLog({
      knex: log.database.knex,
      openConnection: async () => {
        const client = new pg.Client({ ...connection, password: connection.password.expose(), port: proxy.port })
        await client.connect()
        return client
      },
      clock: systemClock,
      observers: [],
    })
    await distant.append([note('heard')])
    proxy.silence()
    const started = performance.now()
    await expect(distant.append([note('unheard')])).rejects.toMatchObject(unavailable)
    expect(performance.now() - started).toBeLessThan(appendBounds.timeoutMs + 1000)
    proxy.speak()
    await expect.poll(async () => (await distant.append([note('back')]).catch(() => [])).length).toBe(1)
    expect(await log.verify()).toMatchObject({ ok: true })
    await distant.close()
    proxy.close()
    await log.close()
  })
})

describe('a log that shrank under a running gateway', () => {
  test('takes no more events, so that no sequence number is given twice', async () => {
    const log = await testLog()
    const { knex } = log.database
    await log.log.append([note('1')])
    const [{ size, root, frontier }] = await knex('audit_log').select()
    await log.log.append([note('2'), note('3')])
    await knex.raw('ALTER TABLE audit_events DISABLE TRIGGER ALL')
    await knex('audit_events').where('seq', '>', 1).delete()
    await knex('audit_log').update({ size, root, frontier })
    for (let tries = 0; tries < 2; tries++) await expect(log.log.append([note('4')])).rejects.toMatchObject(unavailable)
    await expect(
      knex.transaction((trx) => log.log.appendIn(trx, [note('4')], { advanceAuthority: false })),
    ).rejects.toMatchObject(unavailable)
    expect((await log.log.head()).size).toBe(1)
    await log.close()
  })
})
