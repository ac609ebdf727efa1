import { faults } from '../../kernel/faults.ts'
import type { Decision, Obligation } from '../../policy/decision.schema.ts'

/** The obligations this gateway can carry out on a tool call. `record` is always met, since every call is recorded. */
const enforced = new Set(['redact_result', 'max_result_bytes', 'suspend_agent', 'record', 'use_only'])

/** Turns an allow whose obligations cannot be carried out into a denial. */
export function enforceable(decision: Decision, action: string): Decision {
  if (decision.effect === 'deny') return decision
  const impossible = decision.obligations.find((obligation) => !canEnforce(obligation, action))
  if (impossible === undefined) return decision
  return {
    ...decision,
    effect: 'deny',
    reasons: [
      {
        code: 'GATEWAY_OBLIGATION_UNKNOWN',
        title: faults.GATEWAY_OBLIGATION_UNKNOWN.text,
        severity: 'high',
        rule: 'gateway',
        details: { type: impossible.type },
        visibility: 'agent',
      },
    ],
  }
}

/** What is issued for a time. */
const issuing = new Set(['ssh.request'])

function canEnforce({ type }: Obligation, action: string): boolean {
  if (type === 'max_ttl_seconds') return issuing.has(action)
  // A secret that may only be used has no way to be read.
  return enforced.has(type) && !(type === 'use_only' && action === 'secret.read')
}
