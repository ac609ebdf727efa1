import type { Result } from '../../kernel/result.ts'
import type { BundleProblem } from '../../policy/bundle-problem.ts'

/** A bundle as a source has it now. */
export interface Offer {
  readonly bytes: Uint8Array
  /** Names this very bundle at its source, to ask whether there is another one. */
  readonly tag: string
}

/** Where bundles come from. */
export interface BundleSource {
  /** True when a question waits at the source until there is an answer, so that the next may follow at once. */
  readonly waits: boolean
  /**
   * Asks for the present bundle.
   * @param known the tag of the last one
   * @returns undefined when it is still that; a problem when it cannot be had, or is not what was promised
   */
  fetch(known: string | undefined, signal: AbortSignal): Promise<Result<Offer | undefined, BundleProblem>>
}
