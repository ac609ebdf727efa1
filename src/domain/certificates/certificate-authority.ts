import type { Json } from '../../kernel/canonical-json.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'

/** An order as the one who issues it needs to know it. */
export interface OpenOrder {
  readonly id: string
  /** What the request asks for; compared with it before it goes out. */
  readonly domains: readonly string[]
  /** PKCS #10, DER. */
  readonly csr: Buffer
  /** Names the certificate that it is to replace (RFC 9773, section 4.1); null when there is none. */
  readonly replaces: string | null
  /** What the last step left; null before the first one ended. Only the authority understands it. */
  readonly state: Json | null
  /** Whether a step was begun before and nothing is known of its end: what it was to make may exist. */
  readonly isResumed: boolean
}

/** How far one step brought an order. */
export type Advance =
  | {
      readonly status: 'pending' | 'ready' | 'processing'
      readonly state: Json
      readonly note: string
      /** How long to wait before the next step. */
      readonly waitMs: number
    }
  | { readonly status: 'valid' /** PEM, leaf first. Not checked yet. */; readonly chain: string }

/** Why a step was not made. ISSUER_REFUSED and CHALLENGE_IMPOSSIBLE end the order, any other fault is tried again. */
export interface Setback {
  readonly fault: Fault
  /** When the authority itself says to come back; null where it does not. */
  readonly retryAfterMs: number | null
}

/** When an authority wants a certificate renewed (RFC 9773). */
export interface RenewalWindow {
  readonly start: Date
  readonly end: Date
  readonly retryAfterMs: number
}

/** Someone who issues certificates: an ACME server, or Vault. */
export interface CertificateAuthority {
  readonly name: string
  /**
   * Makes the next step of an order, and only one that changes anything, so that each can be put on record before the next
   * begins. A step that was broken off may be made again: it finds what it made before, or makes nothing twice.
   */
  advance(order: OpenOrder): Promise<Result<Advance, Setback>>
  /** Takes back what was put in place for an order that has ended. Never refuses: what is left behind harms nobody. */
  tidy(state: Json | null): Promise<void>
  /** @returns undefined where the authority has no opinion, or none that can be had now */
  renewalWindow(certificate: string): Promise<RenewalWindow | undefined>
}

/** The authorities by name, the one that is meant when none is named first. */
export type CertificateAuthorities = ReadonlyMap<string, CertificateAuthority>
