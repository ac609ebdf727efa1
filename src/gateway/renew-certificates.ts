import { type OpenOrderDeps, orderRenewal } from '../domain/certificates/open-order.ts'
import type { CertificateOrders } from '../domain/certificates/certificate-orders.ts'
import type { Certificate } from '../domain/certificates/certificate.ts'
import type { RenewalWindow } from '../domain/certificates/certificate-authority.ts'
import { renewalCheckMs } from '../domain/certificates/certificate-store.ts'
import { renewalTime } from '../domain/certificates/renewal-time.ts'
import { newId } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import { err } from '../kernel/result.ts'
import { fault } from '../kernel/fault.ts'
import type { Act } from './act.ts'
import type { OperatorCaller } from './caller.ts'

const BATCH = 20
const REFUSED_AGAIN_MS = 3_600_000
/** Longer than a batch takes: a replica that died over it leaves it to the others then. */
const RECLAIM_MS = 600_000
const CHECK_MS_MIN = 60_000
const CHECK_MS_MAX = 86_400_000

export interface RenewCertificatesDeps {
  readonly act: Act
  readonly ordering: OpenOrderDeps & { readonly running: CertificateOrders }
  readonly random: () => number
  readonly log: Log
}

/**
 * Orders what is to be renewed by now, after asking its authority once more where that has an opinion. The policy decides
 * each order on today's groups and domains, as if the gateway's own service asked.
 */
export async function renewCertificates(deps: RenewCertificatesDeps): Promise<void> {
  const { certificates, clock } = deps.ordering
  for (const certificate of await certificates.listDue(new Date(clock.now()), BATCH)) await renew(deps, certificate)
}

/**
 * Asks the authorities again when certificates are to be renewed: one that has to revoke brings the time forward, and who
 * looked only when the old time had come would be too late.
 */
export async function checkRenewals({ ordering, random }: RenewCertificatesDeps): Promise<void> {
  const { certificates, authorities, clock } = ordering
  const now = clock.now()
  const claimed = await certificates.claimRenewalChecks(new Date(now), new Date(now + RECLAIM_MS), BATCH)
  for (const { id, currentVersion, issuer, current, renewAt } of claimed) {
    const version = currentVersion === null ? undefined : await certificates.findVersion(id, currentVersion)
    const window = version && (await authorities.get(issuer ?? '')?.renewalWindow(version.chain))
    if (window !== undefined && current !== null && renewAt !== null && !isWithin(window, renewAt))
      await certificates.setRenewAt(id, renewalTime(current, window, random()))
    const wanted = window?.retryAfterMs ?? renewalCheckMs
    await certificates.setRenewalCheckAt(id, new Date(now + Math.min(CHECK_MS_MAX, Math.max(CHECK_MS_MIN, wanted))))
  }
}

function isWithin({ start, end }: RenewalWindow, at: Date): boolean {
  return start <= at && at <= end
}

async function renew({ act, ordering, random, log }: RenewCertificatesDeps, certificate: Certificate): Promise<void> {
  const { id, name, groups, environment, domains, permittedDomains } = certificate
  const { certificates, authorities, clock, running } = ordering
  const later = await postponed(ordering, certificate, random)
  if (later !== undefined) return certificates.setRenewAt(id, later)
  const opened = await act(renewer(), {
    action: 'certificate.renew',
    resource: { type: 'certificate', id, name, groups, environment, exists: true, domains: permittedDomains },
    derived: { domains },
    arguments: {},
    breakGlass: false,
    run: async (by) =>
      by.decision === null || !authorities.has(certificate.issuer ?? '')
        ? err(fault('REFERENCE_UNKNOWN', { message: `No issuer ${certificate.issuer}` }))
        : orderRenewal(ordering, { by, decisionId: by.decision.record.id }, certificate),
  })
  if (opened.ok) return running.start(opened.value.id)
  const code = opened.error.kind === 'fault' ? opened.error.fault.code : opened.error.code
  log.warn('a certificate is not renewed', { certificate: name, code })
  await certificates.setRenewAt(id, new Date(clock.now() + REFUSED_AGAIN_MS))
}

/** The time that its authority suggests by now, if that is still to come. */
async function postponed(
  { certificates, authorities, clock }: RenewCertificatesDeps['ordering'],
  { id, currentVersion, issuer, current }: Certificate,
  random: () => number,
): Promise<Date | undefined> {
  const version = currentVersion === null ? undefined : await certificates.findVersion(id, currentVersion)
  const window = version && (await authorities.get(issuer ?? '')?.renewalWindow(version.chain))
  if (window === undefined || current === null || window.start.getTime() <= clock.now()) return undefined
  return renewalTime(current, window, random())
}

function renewer(): OperatorCaller {
  const request = { id: newId('req'), traceparent: null, clientIp: '' }
  return { kind: 'service', id: 'svc_renewal', name: 'certificate-renewal', role: 'admin', groups: 'every', request }
}
