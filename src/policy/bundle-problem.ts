import { err } from '../kernel/result.ts'

export type BundleProblemCode =
  | 'BUNDLE_TOO_LARGE'
  | 'BUNDLE_MALFORMED'
  | 'BUNDLE_DATA_UNDER_POLICY'
  | 'BUNDLE_MODULE_INVALID'
  | 'BUNDLE_BUILTIN_UNKNOWN'
  | 'BUNDLE_SELF_TEST_FAILED'
  | 'BUNDLE_TOO_SLOW'

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
