import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'

/** A person or pipeline that proved to have started a client, until when that proof holds. */
export interface ProvenLauncher {
  readonly name: string
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number
}

/**
 * Checks a launcher's ID token.
 * @returns UNAUTHENTICATED for whatever does not prove anything, with the reason for the operator in `detail` and never
 * anything of the token; LAUNCHER_UNVERIFIABLE when the issuer's keys cannot be had
 */
export type VerifyLauncher = (idToken: string) => Promise<Result<ProvenLauncher, Fault>>
