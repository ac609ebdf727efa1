import type { Knex } from 'knex'
import type { AuditEvent, Entry } from './event.ts'

/** The size of the log and the RFC 9162 root hash over its first `size` events. */
export interface LogHead {
  readonly size: number
  readonly root: Buffer
}

/** The append side of the tamper-evident log. One flusher per replica; sequence order is commit order, without gaps. */
export interface AuditLog {
  /**
   * Appends entries in one piece, together with what other callers append at the same time (group commit).
   * Resolves when they are durable. Rejects with a FaultError GATEWAY_AUDIT_UNAVAILABLE when that cannot be said; they
   * may or may not be in the log then.
   */
  append(entries: readonly Entry[]): Promise<readonly AuditEvent[]>

  /**
   * Appends entries within a caller's transaction, as its last statements: they hold the log's lock until the commit.
   * `advanceAuthority` moves the authority epoch in the same step: every replica drops what it knows about rights.
   * The caller calls `committed()` of the receipt after its commit, which emits the log lines and informs observers.
   */
  appendIn(
    trx: Knex.Transaction,
    entries: readonly Entry[],
    options: { advanceAuthority: boolean },
  ): Promise<AppendReceipt>
}

export interface AppendReceipt {
  readonly events: readonly AuditEvent[]
  committed(): void
}

/** Told of every batch of events that became durable through this replica, and of what the database said meanwhile. */
export interface AuditObserver {
  appended(events: readonly AuditEvent[]): void
  /** The authority epoch and the database's clock, as read together with the append. */
  authority(epoch: number, databaseNowMs: number): void
}
