import type { CertificateFacts } from './certificate.ts'
import type { RenewalWindow } from './certificate-authority.ts'

/** Without the authority's opinion a certificate is renewed when so much of its life is left, give or take a tenth of that. */
const LIFE_LEFT = 1 / 3
const JITTER = 0.1

/**
 * When a certificate is to be renewed: at a moment of the authority's window, the same chance for each (RFC 9773, section
 * 4.2), else when a third of its life is left. Not all at once in either case.
 * @param random in [0, 1)
 */
export function renewalTime(
  { notBefore, notAfter }: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  window: RenewalWindow | undefined,
  random: number,
): Date {
  if (window !== undefined) {
    const [start, end] = [window.start.getTime(), Math.max(window.start.getTime(), window.end.getTime())]
    return new Date(Math.floor(start + (end - start) * random))
  }
  const leftMs = (notAfter.getTime() - notBefore.getTime()) * LIFE_LEFT
  return new Date(Math.floor(notAfter.getTime() - leftMs * (1 + JITTER * (2 * random - 1))))
}
