import { FaultError } from './fault.ts'
import { Secret } from './secret.ts'

/** Bounds of what one log entry may hold. */
export const redactBounds = {
  /** A longer text is cut, after its credentials are gone. */
  textCharactersMax: 4096,
  /** What is looked at for credentials; the rest of a longer text is dropped unseen. */
  scannedCharactersMax: 65_536,
  membersMax: 100,
  depthMax: 8,
} as const

const REDACTED = '[redacted]'

/** Member names whose value is never shown, in whatever spelling (`api_key`, `X-Vault-Token`, `dbPassword`). */
const DENIED_NAME =
  /^(value|authorization|proxyauthorization|cookie|setcookie|bearer|ticket|adminkey|credentials?|keymaterial)$|(password|passwd|passphrase|secret|token|apikey|privatekey)$/

const OWN_BEARER = [/\b(clk_(?:mcp|api|ssh)_)[0-9A-Za-z]{8,}/gu, `$1${REDACTED}`] as const

const CREDENTIALS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  OWN_BEARER,
  [/-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|$)/gu, REDACTED],
  [/(?<![\w-])eyJ[\w-]{5,}(?:\.[\w-]*){2,4}/gu, REDACTED],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#:@]*:[^\s/?#]+@/giu, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/giu, `$1 ${REDACTED}`],
  [/\bhv[sbr]\.[\w-]{8,}/gu, REDACTED],
]

/**
 * A value as it may be logged: JSON-like, bounded, without what looks like a credential by its type (`Secret`), its
 * member's name or its form (our bearers, private keys, JWTs, Vault tokens, passwords in URLs). This is the second line
 * of defence: the first is that nobody hands a credential to a log.
 */
export function redacted(value: unknown): unknown {
  return shown(value, [])
}

/** A text without our own bearers. */
export function withoutBearers(text: string): string {
  return text.replace(...OWN_BEARER)
}

/** A text without what looks like a credential, cut to the bound. */
export function redactedText(text: string): string {
  let safe = text.slice(0, redactBounds.scannedCharactersMax)
  for (const [pattern, replacement] of CREDENTIALS) safe = safe.replace(pattern, replacement)
  if (safe.length <= redactBounds.textCharactersMax && text.length <= redactBounds.scannedCharactersMax) return safe
  return `${safe.slice(0, redactBounds.textCharactersMax).toWellFormed()}… (cut)`
}

function shown(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'string') return redactedText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[circular]'
  if (above.length >= redactBounds.depthMax) return '[deeper]'
  return shownObject(value, [...above, value])
}

function shownObject(value: object, above: readonly object[]): unknown {
  if (value instanceof Secret) return REDACTED
  if (value instanceof Error) return shownError(value, above)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Map) return shownMembers(value, above)
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, redactBounds.membersMax).map((member) => shown(member, above))
  }
  return shownMembers(Object.entries(value), above)
}

function shownMembers(entries: Iterable<readonly [unknown, unknown]>, above: readonly object[]): object {
  const members: [string, unknown][] = []
  for (const [key, member] of entries) {
    if (members.length === redactBounds.membersMax) break
    const name = redactedText(String(key))
    members.push([name, isDenied(name) ? REDACTED : shown(member, above)])
  }
  return Object.fromEntries(members)
}

/** Only known members: a driver hangs whatever it likes on its errors, rows and parameters included. */
function shownError(error: Error, above: readonly object[]): object {
  const code: unknown = 'code' in error ? error.code : undefined
  return {
    name: error.name,
    message: redactedText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error instanceof FaultError ? { fault: error.fault.code, detail: redactedText(error.fault.detail) } : {}),
    ...(error.stack === undefined ? {} : { stack: redactedText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: shown(error.cause, above) }),
    ...(error instanceof AggregateError ? { errors: shown(error.errors, above) } : {}),
  }
}

function isDenied(name: string): boolean {
  return DENIED_NAME.test(name.replaceAll(/[-_\s]/gu, '').toLowerCase())
}
