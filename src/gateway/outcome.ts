import type { Json } from '../kernel/canonical-json.ts'

/** How a tool call ended. Exactly one of these reaches the agent. */
export type Outcome = Released | Denied | ApprovalRequired | Failed

interface Traced {
  readonly requestId: string
  /** Null when the call was refused before any policy saw it. */
  readonly decisionId: string | null
}

export interface Released extends Traced {
  readonly status: 'ok'
  readonly result: { readonly [name: string]: Json }
}

export interface Denied extends Traced {
  readonly status: 'denied'
  readonly code: string
  readonly message: string
}

export interface ApprovalRequired extends Traced {
  readonly status: 'approval_required'
  readonly code: string
  readonly message: string
  readonly approvalId: string
  /** ISO 8601. */
  readonly expiresAt: string
  readonly retryAfterMs: number
}

export interface Failed extends Traced {
  readonly status: 'failed'
  readonly code: string
  readonly message: string
}

/** The outcomes other than `ok`, as members of a tool's output schema: some clients validate refusals too. */
export const refusalSchemas = [
  refusalSchema('denied', {}),
  refusalSchema('failed', {}),
  refusalSchema('approval_required', {
    approvalId: { type: 'string' },
    expiresAt: { type: 'string', format: 'date-time' },
    retryAfterMs: { type: 'integer', minimum: 0 },
  }),
] as const

function refusalSchema(status: Outcome['status'], more: { readonly [name: string]: object }) {
  const properties = {
    status: { const: status },
    code: { type: 'string' },
    message: { type: 'string' },
    requestId: { type: 'string' },
    decisionId: { type: ['string', 'null'] },
    ...more,
  }
  return { properties, required: Object.keys(properties), additionalProperties: false }
}
