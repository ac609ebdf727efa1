import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { SecretSource } from '../secrets/secret-source.ts'
import type { InTransaction } from '../work.ts'
import { type Certificate, certificateNameTaken, certificateResource, certificateView, keyPath } from './certificate.ts'
import { type Chain, privateKeyProblem, readChain } from './read-chain.ts'

export interface UploadCertificateDeps {
  readonly inTransaction: InTransaction
  readonly source: SecretSource
  readonly clock: Clock
}

export interface CertificateUpload {
  readonly name: string
  readonly groups: readonly string[]
  readonly chain: string
  readonly privateKey: string
}

/**
 * Registers a certificate that was issued elsewhere, as version 0. The key is stored first, under a path nobody refers to
 * until the registry's transaction commits.
 * @returns the certificate; ARGUMENT_INVALID saying what is wrong with chain or key, REFERENCE_UNKNOWN, GROUP_NOT_PERMITTED,
 * NAME_TAKEN, or the fault of the secret store
 */
export async function uploadCertificate(
  deps: UploadCertificateDeps,
  by: Author,
  upload: CertificateUpload,
): Promise<Result<Certificate, Fault>> {
  const read = checkedUpload(upload)
  if (!read.ok) return read
  const { key, chain } = read.value
  const { facts, pem } = chain
  const checked = await deps.inTransaction(async (work) => {
    const groups = await work.groups.resolve(upload.groups)
    if (!groups.ok) return groups
    const beyond = beyondReach(groups.value, by.groups, by.actor.name)
    if (beyond !== undefined) return err(beyond)
    return (await work.certificates.findByName(upload.name)) === undefined
      ? groups
      : err(certificateNameTaken(upload.name))
  })
  if (!checked.ok) return checked
  const id = newId('crt')
  const stored = await deps.source.write(keyPath(id), key)
  if (!stored.ok) return stored
  const created = { createdAt: new Date(deps.clock.now()), createdBy: by.actor.id }
  return deps.inTransaction(async (work) => {
    const draft = { id, name: upload.name, groups: checked.value, domains: facts.sans, issuer: null, ...created }
    if ((await work.certificates.insert(draft)) === undefined) return err(certificateNameTaken(upload.name))
    const location = { keyPath: keyPath(id), keyVersion: stored.value }
    const version = { ...facts, ...location, ...created, version: 0, chain: pem, issuer: null }
    const certificate = await work.certificates.insertVersion(id, version, null)
    work.record(
      changeEntry(by, {
        type: 'CERTIFICATE_UPLOADED',
        resource: certificateResource(certificate),
        details: { before: null, after: certificateView(certificate) },
      }),
    )
    work.advanceAuthority()
    return ok(certificate)
  })
}

/** @returns chain and key once they are known to belong together, or ARGUMENT_INVALID saying what is wrong */
export function checkedUpload({
  chain: chainText,
  privateKey,
}: Pick<CertificateUpload, 'chain' | 'privateKey'>): Result<
  { readonly chain: Chain; readonly key: Secret<string> },
  Fault
> {
  const chain = readChain(chainText)
  if (!chain.ok) return err(fault('ARGUMENT_INVALID', { message: chain.error }))
  const key = new Secret(privateKey)
  const problem = privateKeyProblem(key, chain.value)
  return problem === undefined ? ok({ chain: chain.value, key }) : err(fault('ARGUMENT_INVALID', { message: problem }))
}
