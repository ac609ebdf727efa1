import type { Knex } from 'knex'
import { type Fault, FaultError } from '../kernel/fault.ts'
import { err, type Result } from '../kernel/result.ts'
import type { AppendReceipt, AuditLog } from './audit/audit-log.ts'
import type { Author } from './audit/author.ts'
import type { Entry } from './audit/event.ts'
import type { EndReason } from './sessions/session.ts'
import { endedSessionEntry } from './sessions/session-events.ts'
import { endingOf, finish, type SshEndReason, type SshSession } from './ssh/ssh-session.ts'
import { overEntry, sshSessionEntry } from './ssh/ssh-session-events.ts'
import type { SshSessionsOf } from './ssh/ssh-session-store.ts'
import { bindStores, type Stores } from './stores.ts'

/** One unit of work: stores bound to one transaction, and the events that will be committed with it. */
export interface Work extends Stores {
  /** Adds an event; it is appended to the audit log as the transaction's last act. */
  record(entry: Entry): void
  /** Says that rights changed: every replica drops what it knows about them within a second. */
  advanceAuthority(): void
  /** Ends a locked SSH session, with its events. @returns SSH_SESSION_OVER when it is over already */
  finishSsh(by: Author, session: SshSession, reason: SshEndReason, now: Date): Promise<Result<SshSession, Fault>>
  /** Cuts the open SSH sessions of whatever is named, on every bastion. @returns those sessions, as they are now */
  cutSsh(by: Author, of: SshSessionsOf, reason: SshEndReason): Promise<readonly SshSession[]>
  /** Ends the active sessions of an agent or a token and cuts their SSH sessions, with events for each. */
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
        const record = (entry: Entry): void => void entries.push(withDecisionOnce(entry, entries))
        const moveEpoch = (): void => {
          advanceAuthority = true
        }
        const ssh = sshEndings(stores, { record, now, advanceAuthority: moveEpoch })
        const outcome = await body({
          ...stores,
          ...ssh,
          record,
          advanceAuthority: moveEpoch,
          endSessions: async (by, of, reason) => {
            for (const session of await stores.sessions.endActive(of, reason, now()))
              record(endedSessionEntry(by, session))
            await ssh.cutSsh(by, of, sshReasons[reason])
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

/** With the sessions of an agent, what it opened from them ends. */
const sshReasons: Record<EndReason, SshEndReason> = {
  closed: 'session_ended',
  idle: 'session_ended',
  token_expired: 'session_ended',
  suspended: 'suspended',
  revoked: 'revoked',
  admin: 'session_ended',
  killed: 'killed',
}

function sshEndings(
  { sshSessions }: Stores,
  { record, advanceAuthority, now }: Pick<Work, 'record' | 'advanceAuthority'> & Pick<WorkDeps, 'now'>,
): Pick<Work, 'finishSsh' | 'cutSsh'> {
  const finishSsh: Work['finishSsh'] = async (by, session, reason, at) => {
    const after = finish(session, reason, at)
    if (!after.ok) return after
    await sshSessions.save(after.value)
    if (endingOf(reason) === 'cut') record(sshSessionEntry(by, 'SSH_SESSION_CUT', after.value, { reason }))
    const recordings = await sshSessions.recordings(session.id)
    // Whoever records a connection that is still open says the end of the session, once it has closed it.
    if (recordings.every(({ sha256 }) => sha256 !== null)) record(overEntry(by, after.value, recordings))
    return after
  }
  return {
    finishSsh,
    cutSsh: async (by, of, reason) => {
      const cut: SshSession[] = []
      for (const session of await sshSessions.findOpenForUpdate(of)) {
        const after = await finishSsh(by, session, reason, now())
        if (after.ok) cut.push(after.value)
      }
      // Bastions look at what is open on them only when rights have changed.
      if (cut.length > 0) advanceAuthority()
      return cut
    },
  }
}

/** One decision can cause several events; its question and answer are kept beside the first. */
function withDecisionOnce(entry: Entry, before: readonly Entry[]): Entry {
  const { decision, event } = entry
  return decision !== undefined && before.some((other) => other.decision?.id === decision.id) ? { event } : entry
}
