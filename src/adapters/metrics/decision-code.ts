import { faults } from '../../kernel/faults.ts'

/** Codes of the shipped rules. A company's own codes are counted together, as CUSTOM: a bundle must not make series at will. */
export const shippedCodes: readonly string[] = [
  'AGENT_REVOKED',
  'AGENT_SUSPENDED',
  'APPROVAL_DENIED',
  'APPROVAL_PRIVATE_KEY',
  'APPROVAL_PRODUCTION',
  'APPROVAL_RISK',
  'CIDR_MISMATCH',
  'COMMAND_NOT_ALLOWED',
  'CONFIG_UNSOUND',
  'CONTRIBUTION_MALFORMED',
  'DEFAULT_DENY',
  'DENIAL_BURST',
  'DISCLOSURE_USE_ONLY',
  'DOMAIN_NOT_ALLOWED',
  'GROUPLESS_NOT_OWN',
  'GROUP_MISMATCH',
  'GROUP_NOT_HELD',
  'HOST_NOT_ALLOWED',
  'OWNER_DISABLED',
  'PERSON_ONLY',
  'PRIVATE_NOT_OWN',
  'PRIVATE_OWNER_MISMATCH',
  'PROBE_TARGET_FORBIDDEN',
  'READ_BUDGET_EXCEEDED',
  'RESOURCE_UNKNOWN',
  'ROLE_NOT_PERMITTED',
  'ROLE_PERMITTED',
  'SCOPE_HELD',
  'SCOPE_MISSING',
  'SEQUENCE_PROBE_AFTER_READ',
  'SOURCE_FOR_ADMINS',
  'TOKEN_EXPIRED',
  'TOKEN_SPENT',
]
const known = new Set([...shippedCodes, ...Object.keys(faults)])

/** The label of a decision's code, from a closed list. */
export function decisionCode(code: string | undefined): string {
  if (code === undefined) return 'NONE'
  return known.has(code) ? code : 'CUSTOM'
}
