import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../src/domain/audit/event.ts'
import type { PostgresAuditLog } from '../../../src/domain/audit/postgres-audit-log.ts'
import { auditLogOn, note, type TestLog, testLog } from '../../support/audit.ts'

type Step =
  | { readonly kind: 'append'; readonly entries: number }
  | { readonly kind: 'commit' | 'rollback'; readonly entries: number }
  | { readonly kind: 'checkpoint' | 'verify' | 'break' }

const step: fc.Arbitrary<Step & { readonly replica: number; readonly awaited: boolean }> = fc
  .tuple(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('append' as const), entries: fc.integer({ min: 1, max: 20 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constantFrom('commit' as const, 'rollback' as const),
          entries: fc.integer({ min: 1, max: 4 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constantFrom('checkpoint' as const, 'verify' as const, 'break' as const) }),
      },
    ),
    fc.nat({ max: 1 }),
    fc.boolean(),
  )
  .map(([one, replica, awaited]) => ({ ...one, replica, awaited }))

describe('whatever two replicas do at the same time', () => {
  let log: TestLog
  let replicas: readonly PostgresAuditLog[]
  beforeAll(async () => {
    log = await testLog()
    replicas = [log.log, auditLogOn(log.database)]
  })
  afterAll(async () => {
    await replicas[1]?.close()
    await log.close()
  })

  test('the log verifies, and holds every event that was promised, where it was promised', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const promised: AuditEvent[] = []
        const running: Promise<void>[] = []
        for (const one of steps) {
          const done = perform(one, replicas[one.replica] ?? log.log).then((events) => void promised.push(...events))
          running.push(done)
          if (one.awaited) await done
        }
        await Promise.all(running)
        const { knex } = log.database
        for (const { seq, id } of promised)
          expect(await knex('audit_events').where({ seq }).first('id')).toEqual({ id })
        expect(await log.verify()).toMatchObject({ ok: true, problem: null })
      }),
      { numRuns: 30 },
    )
  })

  async function perform(one: Step, replica: PostgresAuditLog): Promise<readonly AuditEvent[]> {
    const { knex } = log.database
    if (one.kind === 'append') return replica.append(notes(one.entries)).catch(() => [])
    if (one.kind === 'commit') {
      const receipt = await knex.transaction((trx) =>
        replica.appendIn(trx, notes(one.entries), { advanceAuthority: true }),
      )
      receipt.committed()
      return receipt.events
    }
    if (one.kind === 'rollback') {
      const trx = await knex.transaction()
      await replica.appendIn(trx, notes(one.entries), { advanceAuthority: false })
      await trx.rollback()
    }
    if (one.kind === 'checkpoint') expect(await log.checkpointer.checkpoint()).toMatchObject({ ok: true })
    if (one.kind === 'verify') expect(await log.verify()).toMatchObject({ ok: true })
    if (one.kind === 'break') {
      await knex.raw(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'audit' AND datname = current_database()",
      )
    }
    return []
  }
})

function notes(count: number) {
  return Array.from({ length: count }, (_, index) => note(`${index}`))
}
