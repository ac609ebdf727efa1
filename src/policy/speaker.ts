import { faults } from '../kernel/faults.ts'
import { denialOpening } from './decision-check.ts'
import type { Decision, Reason } from './decision.schema.ts'

/** What a caller is told of a refusal. */
export interface SpokenReason {
  readonly code: string
  /** The reason alone. */
  readonly title: string
  /** The whole sentence. */
  readonly message: string
}

/**
 * Of several reasons the one that speaks: scope before unknown before group, then by code. Reasons for operators never
 * speak. Opaque is one text for everything, so that missing and forbidden cannot be told apart.
 */
export function spokenReason(decision: Pick<Decision, 'reasons'>, denials: 'explain' | 'opaque'): SpokenReason {
  const [first] = decision.reasons.filter(({ visibility }) => visibility === 'agent').sort(bySpeakingOrder)
  return first === undefined || denials === 'opaque'
    ? opaque
    : { code: first.code, title: first.title, message: sentence(first) }
}

const opaque: SpokenReason = {
  code: 'ACCESS_DENIED',
  title: faults.ACCESS_DENIED.text,
  message: faults.ACCESS_DENIED.text,
}

function bySpeakingOrder(a: Reason, b: Reason): number {
  return rank(a) - rank(b) || compare(a.code, b.code) || compare(a.rule, b.rule) || compare(a.title, b.title)
}

const unknownResource = new Set(['RESOURCE_UNKNOWN', 'PRIVATE_OWNER_MISMATCH'])

function rank({ code }: Reason): number {
  if (code.startsWith('SCOPE_')) return 0
  if (unknownResource.has(code)) return 1
  return code.startsWith('GROUP_') ? 2 : 3
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function sentence({ title }: Reason): string {
  return title.startsWith(denialOpening) ? title : `${denialOpening}. ${title}`
}
