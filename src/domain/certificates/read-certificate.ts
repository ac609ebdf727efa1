import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { SecretSource } from '../secrets/secret-source.ts'
import type { Certificate } from './certificate.ts'
import type { GetCertificateResult } from './certificate.schema.ts'
import type { CertificateStore } from './certificate-store.ts'

export interface ReadCertificateDeps {
  readonly certificates: Pick<CertificateStore, 'findVersion'>
  readonly source: Pick<SecretSource, 'read'>
}

/**
 * Reads the version that was current when the policy decided, with its key or without.
 * @returns STATE_CONFLICT while none has been issued, or the fault of the secret store
 */
export async function readCertificate(
  deps: ReadCertificateDeps,
  { id, name, groups, currentVersion }: Certificate,
  what: 'chain' | 'chain and key',
): Promise<Result<GetCertificateResult, Fault>> {
  const version = currentVersion === null ? undefined : await deps.certificates.findVersion(id, currentVersion)
  if (version === undefined)
    return err(fault('STATE_CONFLICT', { message: 'The certificate has not been issued yet; ask for its order' }))
  const shown = {
    name,
    groups: [...groups],
    version: version.version,
    chain: version.chain,
    fingerprint: version.fingerprint,
    subject: version.subject,
    sans: [...version.sans],
    notAfter: version.notAfter.toISOString(),
  }
  if (what === 'chain') return ok(shown)
  const key = await deps.source.read(version.keyPath, version.keyVersion)
  return key.ok ? ok({ ...shown, privateKey: key.value.expose() }) : key
}

/**
 * What a probe compares with: the SHA-256 fingerprint (`AB:CD:…`) of a certificate's current version, by its name.
 * @returns undefined when there is none of that name, or none issued yet
 */
export async function fingerprintOf(
  certificates: Pick<CertificateStore, 'findByName'>,
  name: string,
  groups: readonly string[],
): Promise<string | undefined> {
  const certificate = await certificates.findByName(name)
  return certificate?.groups.some((group) => groups.includes(group)) ? certificate.current?.fingerprint : undefined
}
