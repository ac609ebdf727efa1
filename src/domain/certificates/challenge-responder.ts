import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'

/** What a certificate authority looks for to see that a domain is ours (RFC 8555, section 8). */
export interface Challenge {
  /** Without a leading `*.`. */
  readonly domain: string
  readonly token: string
  readonly keyAuthorization: string
}

/** Puts answers where a certificate authority looks for them. */
export interface ChallengeResponder {
  readonly type: 'http-01' | 'dns-01'
  /** Puts an answer in place; again is as once. Resolves when it is, with the time to wait before the authority looks. */
  present(challenge: Challenge): Promise<Result<{ readonly settleMs: number }, Fault>>
  /** Takes it away. What cannot be taken away is left. */
  remove(challenge: Challenge): Promise<void>
}
