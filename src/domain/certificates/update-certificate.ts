import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction } from '../work.ts'
import { type Certificate, certificateResource, certificateView } from './certificate.ts'
import type { UpdateCertificate } from './certificate.schema.ts'
import type { CertificateAuthorities } from './certificate-authority.ts'
import { renewalTime } from './renewal-time.ts'

export interface UpdateCertificateDeps {
  readonly inTransaction: InTransaction
  readonly authorities: CertificateAuthorities
  readonly clock: Clock
}

/**
 * Changes who may have a certificate, and what its next order is for; what was issued stays as it is. Only one who has all
 * of its old and new groups may.
 * @returns the changed certificate, NOT_FOUND, GROUP_NOT_PERMITTED, or REFERENCE_UNKNOWN for a group or an issuer
 */
export async function updateCertificate(
  { inTransaction, authorities }: UpdateCertificateDeps,
  by: Author,
  id: string,
  changes: UpdateCertificate,
): Promise<Result<Certificate, Fault>> {
  const { issuer } = changes
  if (issuer !== undefined && issuer !== null && !authorities.has(issuer))
    return err(fault('REFERENCE_UNKNOWN', { message: `No issuer ${issuer}` }))
  return inTransaction(async (work) => {
    const before = await work.certificates.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No certificate ${id}` }))
    const groups = changes.groups === undefined ? ok(before.groups) : await work.groups.resolve(changes.groups)
    if (!groups.ok) return groups
    const beyond = beyondReach([...new Set([...before.groups, ...groups.value])], by.groups, by.actor.name)
    if (beyond !== undefined) return err(beyond)
    const domains = [...new Set(changes.domains ?? before.domains)].sort()
    const after = await work.certificates.save({
      ...before,
      groups: groups.value,
      domains,
      ...renewalBy(before, issuer),
    })
    work.record(
      changeEntry(by, {
        type: 'CERTIFICATE_UPDATED',
        resource: certificateResource(after),
        details: { before: certificateView(before), after: certificateView(after) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}

/** Who renews it from now on: with an issuer it renews itself in time, without one nobody does. */
function renewalBy(
  { current, renewAt, issuer: present }: Certificate,
  issuer: string | null | undefined,
): Pick<Certificate, 'issuer' | 'renewAt'> {
  if (issuer === undefined) return { issuer: present, renewAt }
  if (issuer === null || current === null) return { issuer, renewAt: null }
  return { issuer, renewAt: renewAt ?? renewalTime(current, undefined, Math.random()) }
}
