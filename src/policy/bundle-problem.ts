import { err } from '../kernel/result.ts'

/** Every reason to refuse a bundle, and what its owners do about it. Append-only. */
export const bundleRemedies = {
  BUNDLE_TOO_LARGE: 'Move data out of the bundle, or split what is no policy from it',
  BUNDLE_MALFORMED: 'Build it with `certlocker policy build` and ship it unchanged',
  BUNDLE_DELTA: 'Ship whole bundles: have the server answer with snapshots',
  BUNDLE_DATA_UNDER_POLICY: 'Keep data below certlocker/config, and packages elsewhere',
  BUNDLE_UNSIGNED: 'Sign it with `certlocker policy sign` or `opa sign`',
  BUNDLE_SIGNATURE_INVALID: 'Sign it with the private key of one in policy.publicKeys',
  BUNDLE_SCOPE_MISMATCH: 'Sign it with the scope in policy.scope',
  BUNDLE_TAMPERED: 'Sign it last, and find out who changed it after that',
  BUNDLE_SCHEMA_UNSUPPORTED: 'Build it with the `certlocker` of this gateway',
  BUNDLE_SHIPPED_RULES_UNKNOWN:
    'Build it with the `certlocker` of this gateway, so that it has the present shipped rules',
  BUNDLE_ROLLED_BACK: 'Build it with a higher --sequence; to go back, use `certlocker policy rollback`',
  BUNDLE_MODULE_INVALID: 'Build it with the pinned opa, by `certlocker policy build`',
  BUNDLE_BUILTIN_UNKNOWN: 'Write the rule without that builtin; `certlocker policy lint` names alternatives',
  BUNDLE_SELF_TEST_FAILED: 'Find the rule that throws with `certlocker policy test`',
  BUNDLE_VECTOR_FAILED: 'Correct the rule or the vector; `certlocker policy test` shows the difference',
  BUNDLE_TOO_SLOW: 'Make the rule cheaper on long lists: look up instead of iterating',
  BUNDLE_SOURCE_UNAVAILABLE: 'Look whether policy.source is right and its server answers; it is asked again',
  BUNDLE_DIGEST_MISMATCH: 'Do not trust that registry: it answered with something else than it promised',
  BUNDLE_NOT_PERSISTED: 'Look at the database and its disk, then ship the bundle again',
} as const satisfies Readonly<Record<string, string>>

export type BundleProblemCode = keyof typeof bundleRemedies

/** Why a bundle is refused. The last good one goes on serving. */
export interface BundleProblem {
  readonly code: BundleProblemCode
  /** For the operator: what was found and where. */
  readonly detail: string
}

export function refused(
  code: BundleProblemCode,
  detail: string,
): { readonly ok: false; readonly error: BundleProblem } {
  return err({ code, detail })
}

const DETAIL_CHARACTERS = 256

/** The text of whatever was thrown: the WASM host throws strings and bare objects as well as errors. */
export function thrownText(thrown: unknown): string {
  const text = typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : thrown
  return typeof text === 'string'
    ? text.toWellFormed().slice(0, DETAIL_CHARACTERS).toWellFormed()
    : `threw ${typeof text}`
}
