import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { type Certificate, certificateResource, certificateView, keyPath } from './certificate.ts'
import type { Chain } from './read-chain.ts'
import { renewalTime } from './renewal-time.ts'
import { type CertificateUpload, checkedUpload, type UploadCertificateDeps } from './upload-certificate.ts'

/**
 * Adds a certificate that was issued elsewhere as the next version of one that is known, with its own key. One that is
 * ordered keeps its names; one that was only uploaded takes those of the new version.
 * @returns the certificate; ARGUMENT_INVALID saying what is wrong with chain or key, STATE_CONFLICT while an order for that
 * version is under way, NOT_FOUND, or the fault of the secret store
 */
export async function addCertificateVersion(
  deps: UploadCertificateDeps,
  by: Author,
  { id, domains, issuer, current }: Certificate,
  upload: Pick<CertificateUpload, 'chain' | 'privateKey'>,
): Promise<Result<Certificate, Fault>> {
  const checked = checkedUpload(upload)
  if (!checked.ok) return checked
  const { chain, key } = checked.value
  const { fingerprint, sans } = chain.facts
  if (fingerprint === current?.fingerprint)
    return err(fault('STATE_CONFLICT', { message: 'This certificate is its current version already' }))
  if (issuer !== null && namesOf(chain).join() !== domains.join())
    return err(
      fault('ARGUMENT_INVALID', {
        message: `Its names are [${sans.join(', ')}]; it is ordered for [${domains.join(', ')}]`,
      }),
    )
  const stored = await deps.source.write(keyPath(id), key)
  if (!stored.ok) return stored
  return deps.inTransaction(async (work) => {
    const before = await work.certificates.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND'))
    if ((await work.orders.findRunning(id)) !== undefined)
      return err(fault('STATE_CONFLICT', { message: 'An order for its next version is under way; wait for its end' }))
    const location = { keyPath: keyPath(id), keyVersion: stored.value }
    const created = { createdAt: new Date(deps.clock.now()), createdBy: by.actor.id }
    const version = { ...chain.facts, ...location, ...created, version: (before.currentVersion ?? -1) + 1 }
    const isOrdered = before.issuer !== null
    if (!isOrdered) await work.certificates.save({ ...before, domains: namesOf(chain) })
    const renewAt = isOrdered ? renewalTime(chain.facts, undefined, Math.random()) : null
    const after = await work.certificates.insertVersion(id, { ...version, chain: chain.pem, issuer: null }, renewAt)
    work.record(
      changeEntry(by, {
        type: 'CERTIFICATE_UPLOADED',
        resource: certificateResource(after),
        details: { before: certificateView(before), after: certificateView(after) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}

function namesOf({ facts }: Chain): readonly string[] {
  return [...new Set(facts.sans)].sort()
}
