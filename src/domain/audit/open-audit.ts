import { join } from 'node:path'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { loadAuditKey } from './audit-key.ts'
import { AuditProofs } from './audit-proofs.ts'
import { AuditStore } from './audit-store.ts'
import { CheckpointHistory } from './checkpoint-history.ts'
import type { Checkpointer } from './checkpointer.ts'
import { ExposureStore } from './exposure-store.ts'
import { type ExportRequest, exportLog } from './export.ts'
import type { PostgresAuditLog } from './postgres-audit-log.ts'
import { startAuditLog } from './start-audit-log.ts'
import { type Verification, verifyLog } from './verify-log.ts'

export interface OpenAuditDeps {
  readonly knex: Knex
  readonly clock: Clock
  readonly auditLog: PostgresAuditLog
  readonly keyFile: string
  /** Where the copy of the checkpoints outside the database lies. */
  readonly directory: string
  readonly acceptTruncated: number | undefined
}

/** The reading and proving side of the log. */
export interface Audit {
  readonly checkpointer: Checkpointer
  readonly store: AuditStore
  readonly exposures: ExposureStore
  readonly proofs: AuditProofs
  /** The public key (SPKI, PEM). */
  readonly publicPem: string
  verify(): Promise<Verification>
  export(request: ExportRequest): Promise<Result<AsyncIterable<string>, Fault>>
}

/** Loads the key and checks the log from its last checkpoint on. @returns a fault to stop with when either does not fit */
export async function openAudit({
  knex,
  clock,
  auditLog,
  keyFile,
  directory,
  acceptTruncated,
}: OpenAuditDeps): Promise<Result<Audit, Fault>> {
  const key = await loadAuditKey({ knex, clock, keyFile })
  if (!key.ok) return key
  const history = new CheckpointHistory(join(directory, 'checkpoints'))
  const started = await startAuditLog({
    knex,
    log: auditLog,
    auditLog,
    key: key.value,
    history,
    clock,
    acceptTruncated,
  })
  if (!started.ok) return started
  const checkpointer = started.value
  return ok({
    checkpointer,
    store: new AuditStore(knex),
    exposures: new ExposureStore(knex),
    proofs: new AuditProofs(knex, checkpointer),
    publicPem: key.value.publicPem,
    verify: () => verifyLog({ knex, key: key.value, history, committedSize: () => auditLog.committedSize }),
    export: (request) => exportLog({ knex, key: key.value, checkpointer }, request),
  })
}
