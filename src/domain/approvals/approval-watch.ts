import type { AuditEvent } from '../audit/event.ts'
import type { Approval, ApprovalStatus } from './approval.ts'

/** How many calls may be held at once, and how quickly they hear of what another replica did. */
export const holdBounds = { perAgentMax: 20, heldMax: 1_000, pollEveryMs: 250 } as const

/** How waiting ended: with what became of the approval, with the caller's session, or with nothing. */
export type WaitEnd = Exclude<ApprovalStatus, 'pending'> | 'session_ended' | 'nothing'

export interface WaitedFor {
  readonly approvalId: string
  readonly agentId: string
  readonly sessionId: string
  readonly forMs: number
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface ApprovalWatchDeps {
  readonly statusesOf: (ids: readonly string[]) => Promise<readonly Pick<Approval, 'id' | 'status'>[]>
  /** Told when a look fails after one that did not. */
  readonly failed: (error: unknown) => void
}

interface Waiter extends WaitedFor {
  end(how: WaitEnd): void
}

const endings: Partial<Record<AuditEvent['type'], WaitEnd>> = {
  APPROVAL_APPROVED: 'approved',
  APPROVAL_DENIED: 'denied',
  APPROVAL_EXPIRED: 'expired',
  APPROVAL_CONSUMED: 'consumed',
  APPROVAL_CANCELLED: 'cancelled',
}

/**
 * Wakes those who wait for people. What is decided through this replica wakes them with its commit; for other replicas the
 * approvals that somebody waits for here are looked at when the database says that one changed, and four times a second. A waiter holds no connection.
 */
export class ApprovalWatch {
  readonly #deps: ApprovalWatchDeps
  readonly #waiters = new Set<Waiter>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #hasFailed = false

  constructor(deps: ApprovalWatchDeps) {
    this.#deps = deps
  }

  /** How many wait now. */
  get held(): number {
    return this.#waiters.size
  }

  /** Resolves in time; at once with `nothing` when too many wait already or the gateway stops. */
  wait(waited: WaitedFor): Promise<WaitEnd> {
    if (waited.forMs <= 0 || this.#isClosed || waited.signal.aborted || this.#isFull(waited.agentId))
      return Promise.resolve('nothing')
    return new Promise((resolve) => {
      const onAbort = (): void => waiter.end('nothing')
      const timer = setTimeout(onAbort, waited.forMs)
      const waiter: Waiter = {
        ...waited,
        end: (how) => {
          clearTimeout(timer)
          waited.signal.removeEventListener('abort', onAbort)
          this.#waiters.delete(waiter)
          resolve(how)
        },
      }
      waited.signal.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
      // It may have been decided between its opening and now.
      this.#lookIn(0)
    })
  }

  /** Takes in what became durable through this replica. */
  appended(events: readonly AuditEvent[]): void {
    if (this.#waiters.size === 0) return
    for (const { type, details } of events) {
      const how = endings[type]
      if (how !== undefined) this.#end(({ approvalId }) => approvalId === details['approvalId'], how)
    }
  }

  /** Looks at once, because somebody said that an approval changed. */
  lookNow(): void {
    if (!this.#isClosed && this.#waiters.size > 0) this.#lookIn(0)
  }

  /** A call whose session has ended is not held any longer. */
  sessionEnded(sessionId: string): void {
    this.#end((waiter) => waiter.sessionId === sessionId, 'session_ended')
  }

  /** Lets everybody go, for good: they are told that the approval is pending. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#end(() => true, 'nothing')
  }

  #isFull(agentId: string): boolean {
    if (this.#waiters.size >= holdBounds.heldMax) return true
    let ofAgent = 0
    for (const waiter of this.#waiters) if (waiter.agentId === agentId) ofAgent += 1
    return ofAgent >= holdBounds.perAgentMax
  }

  #end(isMeant: (waiter: Waiter) => boolean, how: WaitEnd): void {
    for (const waiter of this.#waiters) if (isMeant(waiter)) waiter.end(how)
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), ms)
  }

  async #look(): Promise<void> {
    this.#timer = undefined
    const ids = [...new Set([...this.#waiters].map(({ approvalId }) => approvalId))]
    if (ids.length === 0) return
    try {
      for (const { id, status } of await this.#deps.statusesOf(ids))
        if (status !== 'pending') this.#end(({ approvalId }) => approvalId === id, status)
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) this.#deps.failed(error)
      this.#hasFailed = true
    }
    // Who asked meanwhile for a look at once gets it.
    const isNextDue = this.#timer === undefined && this.#waiters.size > 0
    if (isNextDue && !this.#isClosed) this.#lookIn(holdBounds.pollEveryMs)
  }
}
