import { bundleFaults } from '../kernel/bundle-faults.ts'
import { err } from '../kernel/result.ts'

export type BundleProblemCode = keyof typeof bundleFaults

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

/** What was found, and what to do about it. */
export function problemText({ code, detail }: BundleProblem): string {
  return `${detail}. ${bundleFaults[code].text}`
}

const DETAIL_CHARACTERS = 256

/** The text of whatever was thrown: the WASM host throws strings and bare objects as well as errors. */
export function thrownText(thrown: unknown): string {
  const text = typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : thrown
  return typeof text === 'string'
    ? text.toWellFormed().slice(0, DETAIL_CHARACTERS).toWellFormed()
    : `threw ${typeof text}`
}
