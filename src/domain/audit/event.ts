import type { Json } from '../../kernel/canonical-json.ts'
import type { Effect, PrincipalKind } from '../../kernel/vocabulary.ts'

/** Every type of event. Append-only: an auditor's query must mean the same next year. */
export const eventTypes = [
  'AI_AGENT_POLICY_ALLOWED',
  'AI_AGENT_POLICY_DENIED',
  'AI_AGENT_APPROVAL_REQUIRED',
  'AI_AGENT_CALL_COMPLETED',
  'AI_AGENT_CALL_FAILED',
  'AI_AGENT_AUTH_FAILED',
  'AI_AGENT_NOTE',
  'AI_AGENT_SESSION_STARTED',
  'AI_AGENT_SESSION_ENDED',
  'AGENT_CREATED',
  'AGENT_UPDATED',
  'AGENT_SUSPENDED',
  'AGENT_RESUMED',
  'AGENT_REVOKED',
  'MCP_TOKEN_CREATED',
  'MCP_TOKEN_ROTATED',
  'MCP_TOKEN_REVOKED',
  'MCP_TOKEN_EXPIRED',
  'MCP_TOKEN_REUSED',
  'API_KEY_CREATED',
  'API_KEY_REVOKED',
  'GROUP_CREATED',
  'GROUP_UPDATED',
  'SECRET_CREATED',
  'SECRET_UPDATED',
  'SECRET_RESTORED',
  'SECRET_REVEALED',
  'SECRET_DELETED',
  'HOST_CREATED',
  'HOST_UPDATED',
  'SSH_SESSION_GRANTED',
  'SSH_SESSION_STARTED',
  'SSH_SESSION_COMMAND',
  'SSH_SESSION_ENDED',
  'SSH_SESSION_CUT',
  'RECORDING_VIEWED',
  'CERTIFICATE_UPLOADED',
  'CERTIFICATE_REQUESTED',
  'CERTIFICATE_ISSUED',
  'CERTIFICATE_RENEWED',
  'CERTIFICATE_FAILED',
  'CERTIFICATE_UPDATED',
  'PROBE_CREATED',
  'PROBE_UPDATED',
  'PROBE_COMPLETED',
  'APPROVAL_REQUESTED',
  'APPROVAL_VOTED',
  'APPROVAL_APPROVED',
  'APPROVAL_DENIED',
  'APPROVAL_EXPIRED',
  'APPROVAL_CONSUMED',
  'APPROVAL_CANCELLED',
  'KILL_SWITCH',
  'KILL_LIFTED',
  'PERSON_CREATED',
  'PERSON_UPDATED',
  'API_POLICY_DENIED',
  'POLICY_BUNDLE_ACTIVATED',
  'POLICY_BUNDLE_HELD',
  'POLICY_BUNDLE_REJECTED',
  'POLICY_BUNDLE_ROLLED_BACK',
  'AUDIT_CHECKPOINT',
  'AUDIT_EXPORTED',
] as const
export type EventType = (typeof eventTypes)[number]

export interface Actor {
  readonly kind: PrincipalKind | 'system'
  readonly id: string
  readonly name: string
}

export interface AgentFacts {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly riskLevel: string
}

export interface LauncherFacts {
  readonly name: string
  readonly verified: boolean
}

export interface ClientFacts {
  readonly ip: string
  readonly name: string
  readonly version: string
}

export interface ResourceFacts {
  readonly type: string
  readonly name: string
  readonly groups: readonly string[]
  readonly environment: string
  readonly version: number | null
}

export interface ReasonFacts {
  readonly code: string
  readonly title: string
  readonly severity: string
  readonly rule: string
}

/** One event as the contract (section 4) lists it. Absent parts are null. It never holds a credential's value. */
export interface AuditEvent {
  readonly seq: number
  readonly id: string
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string
  readonly type: EventType
  readonly actor: Actor | null
  readonly agent: AgentFacts | null
  readonly tokenId: string | null
  readonly sessionId: string | null
  readonly launcher: LauncherFacts | null
  readonly client: ClientFacts | null
  readonly tool: string | null
  readonly resource: (ResourceFacts & { readonly id: string | null }) | null
  readonly outcome: Effect | 'ok' | 'failed' | null
  readonly code: string | null
  readonly reasons: readonly ReasonFacts[]
  readonly decisionId: string | null
  readonly attempt: number | null
  readonly policy: { readonly revision: string; readonly digest: string } | null
  readonly inputDigest: string | null
  readonly requestId: string | null
  readonly traceparent: string | null
  readonly details: { readonly [name: string]: Json }
}

/** What a writer knows of an event; the log adds `seq`, `id` and `at`, and null for whatever is not given. */
export type EventDraft = Pick<AuditEvent, 'type'> & Partial<Omit<AuditEvent, 'seq' | 'id' | 'at' | 'type'>>

/** The policy's full question and answer, kept beside the decision event so that the call can be replayed. */
export interface DecisionRecord {
  readonly id: string
  /** Canonical JSON of the policy input; its digest is in the event. */
  readonly input: string
  /** Canonical JSON of the decision; its digest is in the event's details. */
  readonly decision: string
}

/** One event to append, with the decision it records, if it records one. */
export interface Entry {
  readonly event: EventDraft
  readonly decision?: DecisionRecord
}
