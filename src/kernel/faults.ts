/**
 * Every refusal the software can express: what kind it is, which HTTP status carries it, whether the same call may be
 * tried again unchanged, and the text a caller sees when nothing more precise is known. Codes are append-only.
 * Codes of policy rules are not here: they are annotations of the Rego rules.
 */
export const faults = {
  ARGUMENT_INVALID: { kind: 'invalid', http: 400, retry: false, text: 'The arguments do not fit the schema' },
  BODY_INVALID: { kind: 'invalid', http: 400, retry: false, text: 'The request body is not valid JSON' },
  IDEMPOTENCY_KEY_INVALID: {
    kind: 'invalid',
    http: 400,
    retry: false,
    text: 'Idempotency-Key must be 1 to 255 printable ASCII characters',
  },
  GROUP_NOT_PERMITTED: { kind: 'invalid', http: 400, retry: false, text: 'A group lies outside what may be given' },
  SCOPE_NOT_PERMITTED: { kind: 'invalid', http: 400, retry: false, text: 'A scope lies outside what may be given' },
  REFERENCE_UNKNOWN: {
    kind: 'invalid',
    http: 400,
    retry: false,
    text: 'Something named in the request does not exist',
  },
  UNAUTHENTICATED: { kind: 'unauthenticated', http: 401, retry: false, text: 'Authentication failed' },
  ACCESS_DENIED: { kind: 'forbidden', http: 403, retry: false, text: 'Access denied' },
  ORIGIN_FORBIDDEN: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'The Origin or Host of the request is not allowed',
  },
  NOT_FOUND: { kind: 'not_found', http: 404, retry: false, text: 'Not found' },
  METHOD_NOT_ALLOWED: { kind: 'invalid', http: 405, retry: false, text: 'The method is not allowed here' },
  NAME_TAKEN: { kind: 'conflict', http: 409, retry: false, text: 'The name is taken' },
  STATE_CONFLICT: { kind: 'conflict', http: 409, retry: false, text: 'The present state does not permit this' },
  ROTATION_NOT_DUE: { kind: 'conflict', http: 409, retry: true, text: 'The token is not due to be rotated yet' },
  KILL_IN_FORCE: {
    kind: 'conflict',
    http: 409,
    retry: false,
    text: 'A kill is in force here; lift it first (certlocker kill list, certlocker kill lift)',
  },
  AGENT_REVOKED: { kind: 'conflict', http: 409, retry: false, text: 'The agent is revoked for good' },
  IDEMPOTENCY_KEY_IN_USE: {
    kind: 'conflict',
    http: 409,
    retry: true,
    text: 'The first request with this Idempotency-Key has no answer yet. Repeat it later; if this stays so, the gateway stopped in the middle of it: look whether it took effect before you send it under a new key',
  },
  IDEMPOTENCY_KEY_REUSED: {
    kind: 'invalid',
    http: 422,
    retry: false,
    text: 'This Idempotency-Key belongs to another request. Give every new request a key of its own',
  },
  BODY_TOO_LARGE: { kind: 'invalid', http: 413, retry: false, text: 'The request body is too large' },
  RATE_LIMITED: { kind: 'rate_limited', http: 429, retry: true, text: 'Too many calls' },
  SESSION_LIMIT: {
    kind: 'rate_limited',
    http: 429,
    retry: true,
    text: 'The token has too many active sessions; end one, or wait until one idles out',
  },
  CONFIGURATION_INVALID: {
    kind: 'internal',
    http: 500,
    retry: false,
    text: 'The configuration does not permit a start',
  },
  INTERNAL: { kind: 'internal', http: 500, retry: false, text: 'Internal error' },
  DATABASE_UNAVAILABLE: { kind: 'unavailable', http: 503, retry: true, text: 'The database cannot be reached' },
  ADDRESS_TAKEN: { kind: 'unavailable', http: 503, retry: true, text: 'The address to listen on is taken' },
  LAUNCHER_UNVERIFIABLE: {
    kind: 'unavailable',
    http: 503,
    retry: true,
    text: 'The keys that prove who launched the agent cannot be had',
  },
  SHUTTING_DOWN: { kind: 'unavailable', http: 503, retry: true, text: 'The gateway is stopping' },
  SECRET_STORE_UNAVAILABLE: { kind: 'unavailable', http: 503, retry: true, text: 'The secret store cannot be reached' },
  SECRET_STORE_REFUSED: {
    kind: 'unavailable',
    http: 503,
    retry: false,
    text: 'The secret store does not let the gateway do this',
  },
  SECRET_VALUE_MISSING: {
    kind: 'unavailable',
    http: 503,
    retry: false,
    text: 'The secret store has no value for this version',
  },
  SECRET_VALUE_DAMAGED: {
    kind: 'unavailable',
    http: 503,
    retry: false,
    text: 'The secret store holds no intact value for this version',
  },
  VERSION_UNKNOWN: { kind: 'not_found', http: 404, retry: false, text: 'The secret has no such version' },
  APPROVAL_LIMIT: {
    kind: 'rate_limited',
    http: 429,
    retry: true,
    text: 'Too many approvals were opened; wait for a decision',
  },
  APPROVER_CONFLICT: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: "Access denied. An approval is decided by people other than the agent's owner and its launcher",
  },
  RESULT_TOO_LARGE: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'The result is larger than the policy lets through',
  },
  PROBE_LIMIT: { kind: 'rate_limited', http: 429, retry: true, text: 'Too many probes; wait a moment' },
  PROBE_TARGET_FORBIDDEN: {
    kind: 'invalid',
    http: 400,
    retry: false,
    text: 'The target is not an https URL or host:port in canonical form, or lies at an address that must not be probed',
  },
  NOTE_LIMIT: { kind: 'rate_limited', http: 429, retry: true, text: 'Too many notes; wait a moment' },
  GATEWAY_POLICY_UNAVAILABLE: { kind: 'forbidden', http: 403, retry: true, text: 'Access denied. No policy is active' },
  GATEWAY_POLICY_ERROR: {
    kind: 'forbidden',
    http: 403,
    retry: true,
    text: 'Access denied. The policy could not be evaluated',
  },
  GATEWAY_DECISION_UNDEFINED: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The policy gave no decision',
  },
  GATEWAY_DECISION_INVALID: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The policy gave a malformed decision',
  },
  GATEWAY_DECISION_MISMATCH: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The policy answered another call',
  },
  GATEWAY_OBLIGATION_UNKNOWN: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The policy asks for an obligation this gateway cannot carry out',
  },
  GATEWAY_INPUT_INVALID: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The call cannot be described to the policy',
  },
  GATEWAY_AUDIT_UNAVAILABLE: {
    kind: 'unavailable',
    http: 503,
    retry: true,
    text: 'Access denied. The audit log cannot be written',
  },
  GATEWAY_REVOKED: {
    kind: 'forbidden',
    http: 403,
    retry: false,
    text: 'Access denied. The access was revoked during the call',
  },
  GATEWAY_RESOURCE_CHANGED: {
    kind: 'conflict',
    http: 409,
    retry: true,
    text: 'Access denied. The resource was changed during the call; ask again',
  },
  GATEWAY_REVOCATION_UNKNOWN: {
    kind: 'unavailable',
    http: 503,
    retry: true,
    text: 'Access denied. The gateway cannot tell whether the access was revoked',
  },
} as const satisfies Record<string, FaultInfo>

export type FaultCode = keyof typeof faults

export interface FaultInfo {
  readonly kind:
    | 'invalid'
    | 'unauthenticated'
    | 'forbidden'
    | 'not_found'
    | 'conflict'
    | 'rate_limited'
    | 'unavailable'
    | 'internal'
  readonly http: number
  readonly retry: boolean
  readonly text: string
}
