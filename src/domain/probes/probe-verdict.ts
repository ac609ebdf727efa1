/** From the worst to the best. */
export const probeVerdicts = ['down', 'tls_broken', 'wrong_certificate', 'expired', 'http_error', 'up'] as const
export type ProbeVerdict = (typeof probeVerdicts)[number]

export const reachabilities = ['reached', 'refused', 'timeout', 'no_route', 'failed', 'forbidden'] as const
export type Reachability = (typeof reachabilities)[number]

/** One certificate of a chain. Names are text of a stranger: bounded, on one line, without control characters. */
export interface ServedCertificate {
  readonly subject: string
  readonly issuer: string
  readonly sans: string[]
  readonly serial: string
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint: string
  /** ISO 8601. */
  readonly notBefore: string
  readonly notAfter: string
}

/** What was seen of one address. */
export interface Observation {
  readonly address: string
  readonly reachability: Reachability
  /** Null when no handshake was completed. */
  readonly tls: {
    readonly version: string
    readonly cipher: string
    readonly alpn: string | null
    readonly ocspStapled: boolean
  } | null
  readonly chain: {
    /** Presented, the endpoint's own certificate first. */
    readonly certificates: ServedCertificate[]
    /** Whether it leads to a root that the gateway knows. */
    readonly trusted: boolean
    /** Why not. */
    readonly problem: string | null
  } | null
  readonly hostnameMatches: boolean | null
  readonly httpStatus: number | null
  readonly hsts: string | null
  /** Milliseconds that each step took by itself. */
  readonly timings: {
    readonly connectMs: number | null
    readonly tlsMs: number | null
    readonly firstByteMs: number | null
  }
  /** What went wrong, in a word or two. */
  readonly problem: string | null
}

/** What was seen of one address, and what it amounts to. */
export interface AddressResult extends Observation {
  readonly verdict: ProbeVerdict
  readonly expiry: {
    readonly notBefore: string
    readonly notAfter: string
    readonly expired: boolean
    /** Until notAfter; negative afterwards. */
    readonly secondsLeft: number
  } | null
  /** Null when nothing was expected, or nothing was served. */
  readonly servedMatchesExpected: boolean | null
}

export interface Asked {
  readonly scheme: 'https' | 'tls'
  readonly isIp: boolean
  /** As `normalFingerprint` gives it. */
  readonly expected: string | undefined
  /** Whether the address belongs to a network of the operator's own, where private CAs are the rule. */
  readonly isPrivate: boolean
  readonly nowMs: number
}

const HTTP_ERROR_FROM = 400

/**
 * Says what an observation amounts to. A certificate that was asked for by its fingerprint is right whatever its names and
 * issuer; else its names must cover the host, where the target named one, and at a public address a known root must vouch.
 */
export function judge(seen: Observation, asked: Asked): AddressResult {
  const leaf = seen.chain?.certificates[0]
  const servedMatchesExpected =
    asked.expected === undefined || leaf === undefined ? null : normalFingerprint(leaf.fingerprint) === asked.expected
  const expiry = leaf === undefined ? null : expiryOf(leaf, asked.nowMs)
  const verdict = verdictOf(seen, asked, servedMatchesExpected, expiry)
  return { ...seen, verdict, expiry, servedMatchesExpected }
}

function verdictOf(
  seen: Observation,
  asked: Asked,
  matches: boolean | null,
  expiry: AddressResult['expiry'],
): ProbeVerdict {
  if (seen.reachability !== 'reached') return 'down'
  if (seen.tls === null || expiry === null) return 'tls_broken'
  if (matches === false) return 'wrong_certificate'
  if (expiry.expired || Date.parse(expiry.notBefore) > asked.nowMs) return 'expired'
  if (matches === null && !asked.isIp && seen.hostnameMatches === false) return 'wrong_certificate'
  if (matches === null && !asked.isPrivate && seen.chain?.trusted === false) return 'tls_broken'
  if (asked.scheme === 'https' && (seen.httpStatus === null || seen.httpStatus >= HTTP_ERROR_FROM)) return 'http_error'
  return 'up'
}

/** The verdict on an endpoint: clients go on to the next address when one cannot be reached, but take what they reach. */
export function overallVerdict(results: readonly Pick<AddressResult, 'verdict'>[]): ProbeVerdict {
  const reached = results.filter(({ verdict }) => verdict !== 'down')
  return probeVerdicts.find((each) => reached.some(({ verdict }) => verdict === each)) ?? 'down'
}

/** @returns 64 lower-case hex digits of a SHA-256 fingerprint in any usual writing, or undefined */
export function normalFingerprint(text: string): string | undefined {
  const hex = text
    .replace(/^sha-?256(?: fingerprint)?[:=]/i, '')
    .replaceAll(':', '')
    .toLowerCase()
  return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined
}

function expiryOf({ notBefore, notAfter }: ServedCertificate, nowMs: number): AddressResult['expiry'] {
  const leftMs = Date.parse(notAfter) - nowMs
  return { notBefore, notAfter, expired: leftMs < 0, secondsLeft: Math.floor(leftMs / 1000) }
}
