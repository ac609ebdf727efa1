import type { Knex } from 'knex'
import { type Fault, FaultError } from '../kernel/fault.ts'
import { err, type Result } from '../kernel/result.ts'
import type { AppendReceipt, AuditLog } from './audit/audit-log.ts'
import type { Author } from './audit/author.ts'
import type { Entry } from './audit/event.ts'
import type { EndReason } from './sessions/session.ts'
import { endedSessionEntry } from './sessions/session-events.ts'
import { bindStores, type Stores } from './stores.ts'

/** One unit of work: stores bound to one transaction, and the events that will be committed with it. */
export interface Work extends Stores {
  /** Adds an event; it is appended to the audit log as the transaction's last act. */
  record(entry: Entry): void
  /** Says that rights changed: every replica drops what it knows about them within a second. */
  advanceAuthority(): void
  /** Ends the active sessions of an agent or a token, with one event each. */
  endSessions(
    by: Author,
    of: { readonly agentId: string } | { readonly tokenId: string },
    reason: EndReason,
  ): Promise<void>
}

/**
 * Runs a use case in one transaction: its changes and its events commit together or not at all. A refusal (`ok: false`)
 * rolls everything back. No network call may be made inside.
 */
export type InTransaction = <T>(body: (work: Work) => Promise<Result<T, Fault>>) => Promise<Result<T, Fault>>

export interface WorkDeps {
  /** Commits when the body resolves, rolls back when it rejects, and translates the driver's errors to FaultErrors. */
  readonly transact: <T>(body: (trx: Knex.Transaction) => Promise<T>) => Promise<T>
  readonly auditLog: AuditLog
  readonly now: () => Date
}

export function createInTransaction({ transact, auditLog, now }: WorkDeps): InTransaction {
  return async (body) => {
    let receipt: AppendReceipt | undefined
    let refusal: Fault | undefined
    try {
      const result = await transact(async (trx) => {
        const entries: Entry[] = []
        let advanceAuthority = false
        const stores = bindStores(trx)
        const outcome = await body({
          ...stores,
          record: (entry) => void entries.push(withDecisionOnce(entry, entries)),
          advanceAuthority: () => {
            advanceAuthority = true
          },
          endSessions: async (by, of, reason) => {
            for (const session of await stores.sessions.endActive(of, reason, now()))
              entries.push(withDecisionOnce(endedSessionEntry(by, session), entries))
          },
        })
        if (!outcome.ok) {
          refusal = outcome.error
          throw new FaultError(outcome.error)
        }
        if (entries.length > 0) receipt = await auditLog.appendIn(trx, entries, { advanceAuthority })
        return outcome
      })
      receipt?.committed()
      return result
    } catch (error) {
      if (refusal !== undefined && error instanceof FaultError && error.fault === refusal) return err(refusal)
      throw error
    }
  }
}

/** One decision can cause several events; its question and answer are kept beside the first. */
function withDecisionOnce(entry: Entry, before: readonly Entry[]): Entry {
  const { decision, event } = entry
  return decision !== undefined && before.some((other) => other.decision?.id === decision.id) ? { event } : entry
}
