import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type AuditKey, loadAuditKey } from '../../src/domain/audit/audit-key.ts'
import type { AuditObserver } from '../../src/domain/audit/audit-log.ts'
import { CheckpointHistory } from '../../src/domain/audit/checkpoint-history.ts'
import type { Checkpointer } from '../../src/domain/audit/checkpointer.ts'
import type { Entry } from '../../src/domain/audit/event.ts'
import { PostgresAuditLog } from '../../src/domain/audit/postgres-audit-log.ts'
import { startAuditLog } from '../../src/domain/audit/start-audit-log.ts'
import { type Verification, verifyLog } from '../../src/domain/audit/verify-log.ts'
import { canonicalJson, type Json } from '../../src/kernel/canonical-json.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Fault } from '../../src/kernel/fault.ts'
import type { Result } from '../../src/kernel/result.ts'
import { type TestDatabase, testDatabase } from './database.ts'

/** One gateway's audit log on a real database, with its key and its copy of the checkpoints in a directory of its own. */
export interface TestLog {
  readonly database: TestDatabase
  readonly directory: string
  readonly key: AuditKey
  readonly history: CheckpointHistory
  readonly log: PostgresAuditLog
  readonly checkpointer: Checkpointer
  verify(): Promise<Verification>
  /** As after a restart: another process with the same database and directory. */
  restarted(options?: RestartOptions): Promise<Result<Checkpointer, Fault>>
  close(): Promise<void>
}

interface RestartOptions {
  readonly acceptTruncated?: number
}

export async function testLog(): Promise<TestLog> {
  const database = await testDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-audit-'))
  const { knex } = database
  const key = must(await loadAuditKey({ knex, clock: systemClock, keyFile: join(directory, 'audit', 'key.pem') }))
  const history = new CheckpointHistory(join(directory, 'audit', 'checkpoints'))
  const log = auditLogOn(database)
  const start = (auditLog: PostgresAuditLog, acceptTruncated?: number) =>
    startAuditLog({
      knex,
      log: auditLog,
      auditLog,
      key,
      history: new CheckpointHistory(join(directory, 'audit', 'checkpoints')),
      clock: systemClock,
      acceptTruncated,
    })
  const others: PostgresAuditLog[] = []
  return {
    database,
    directory,
    key,
    history,
    log,
    checkpointer: must(await start(log)),
    verify: () => verifyLog({ knex, key, history, committedSize: () => log.committedSize }),
    restarted: ({ acceptTruncated } = {}) => {
      const other = auditLogOn(database)
      others.push(other)
      return start(other, acceptTruncated)
    },
    close: async () => {
      await Promise.all([log, ...others].map((one) => one.close()))
      await database.drop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Another replica's log on the same database. */
export function auditLogOn(database: TestDatabase, observers: readonly AuditObserver[] = []): PostgresAuditLog {
  const { knex, connection } = database
  return new PostgresAuditLog({
    knex,
    openConnection: async () => {
      const client = new pg.Client({ ...connection, password: connection.password.expose(), application_name: 'audit' })
      await client.connect()
      return client
    },
    clock: systemClock,
    observers,
  })
}

export function note(message: string, details: { readonly [name: string]: Json } = {}): Entry {
  return {
    event: {
      type: 'AI_AGENT_NOTE',
      agent: { id: 'agt_1', name: 'cursor-ops', owner: 'ann@example.com', riskLevel: 'low' },
      sessionId: 'ses_1',
      resource: { type: 'secret', id: 'sec_1', name: 'edge-key', groups: ['edge'], environment: 'staging', version: 0 },
      outcome: 'ok',
      details: { message, ...details },
    },
  }
}

/** A decision with its input, as the guard records one. */
export function decided(id: string, name = 'prod-db-password'): Entry {
  const input = canonicalJson({ schema: 'certlocker.input/v1', call: { id }, arguments: { name } })
  const decision = canonicalJson({ schema: 'certlocker.decision/v1', callId: id, effect: 'deny' })
  return {
    event: { ...note('').event, type: 'AI_AGENT_POLICY_DENIED', outcome: 'deny', code: 'GROUP_MISMATCH', details: {} },
    decision: { id: `dec_${id}`, input, decision },
  }
}

/** The value of a result that the test counts on. */
export function must<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value
  throw new Error(`unexpected refusal ${result.error.code}: ${result.error.message}`)
}
