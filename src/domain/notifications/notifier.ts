import type { AuditEvent } from '../audit/event.ts'

/** What people outside are told: facts of the gateway, no argument, no text of an agent, no value. */
export interface Notice {
  /** The audit event's id; the same notice, sent again, has the same. */
  readonly id: string
  /** `approval.requested`, `approval.voted`, `approval.approved`, … */
  readonly type: string
  /** ISO 8601: when it happened. */
  readonly timestamp: string
  readonly data: {
    readonly approvalId: string
    /** Sequence number in the audit log. */
    readonly seq: number
    readonly status: string
    readonly agent: AuditEvent['agent']
    readonly tool: string | null
    readonly action: string
    readonly resource: AuditEvent['resource']
    /** Codes of why the policy asks for people. */
    readonly reasons: readonly string[]
    readonly quorum: number
    /** ISO 8601: until then it can be decided. */
    readonly expiresAt: string
    /** Who voted or decided; null for the agent's request and what the gateway itself ended. */
    readonly decidedBy: string | null
  }
}

/** Tells people outside. It never holds a call up: what cannot be delivered is given up in the end, and logged. */
export interface Notifier {
  notify(notice: Notice): void
  /** Delivers what waits, for a moment, and stops. */
  close(): Promise<void>
}

const statuses: Partial<Record<AuditEvent['type'], string>> = {
  APPROVAL_REQUESTED: 'pending',
  APPROVAL_VOTED: 'pending',
  APPROVAL_APPROVED: 'approved',
  APPROVAL_DENIED: 'denied',
  APPROVAL_EXPIRED: 'expired',
  APPROVAL_CONSUMED: 'consumed',
  APPROVAL_CANCELLED: 'cancelled',
}

/** The notice about an event; undefined when nobody is told of it. */
export function noticeOf(event: AuditEvent): Notice | undefined {
  const status = statuses[event.type]
  if (status === undefined) return undefined
  const { details, actor } = event
  const { requirement, reasons } = details
  return {
    id: event.id,
    type: event.type.toLowerCase().replace('_', '.'),
    timestamp: event.at,
    data: {
      approvalId: text(details['approvalId']),
      seq: event.seq,
      status,
      agent: event.agent,
      tool: event.tool,
      action: text(details['action']),
      resource: event.resource,
      reasons: Array.isArray(reasons) ? reasons.map(text) : [],
      quorum: quorumOf(requirement),
      expiresAt: text(details['expiresAt']),
      decidedBy: actor?.kind === 'person' ? actor.name : null,
    },
  }
}

function quorumOf(requirement: unknown): number {
  const isKnown = typeof requirement === 'object' && requirement !== null && 'quorum' in requirement
  return isKnown && typeof requirement.quorum === 'number' ? requirement.quorum : 0
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
