import { type Fault, fault } from '../../kernel/fault.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { StoreVersion } from '../secrets/secret-source.ts'

/** What a certificate says of itself. Texts are others': they are fit to be shown, and nothing is decided by them. */
export interface CertificateFacts {
  readonly subject: string
  /** DNS names and IP addresses that it is for, in its order. */
  readonly sans: readonly string[]
  readonly issuerName: string
  /** Hexadecimal. */
  readonly serial: string
  /** SHA-256 over the whole certificate, as `AB:CD:…`. */
  readonly fingerprint: string
  /** For example `EC P-256` or `RSA 2048`. */
  readonly keyType: string
  readonly notBefore: Date
  readonly notAfter: Date
}

/** One issued or uploaded certificate, and where its private key is kept. */
export interface CertificateVersion extends CertificateFacts {
  /** Counted from 0. */
  readonly version: number
  /** PEM, leaf first. */
  readonly chain: string
  readonly keyPath: string
  readonly keyVersion: StoreVersion
  /** By whom it was issued for this gateway; null when it was uploaded. */
  readonly issuer: string | null
  readonly createdAt: Date
  readonly createdBy: string
}

/** A named certificate, whichever version of it is current. */
export interface Certificate {
  readonly id: string
  readonly name: string
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  /** The strictest of its groups. */
  readonly environment: Environment
  /** DNS names that it is ordered for; of an uploaded one, those that it has. Sorted. */
  readonly domains: readonly string[]
  /** Names that certificates of its groups may have, all together. */
  readonly permittedDomains: readonly string[]
  /** Who issues it; null while it was only uploaded. */
  readonly issuer: string | null
  /** Null until it has been issued for the first time. */
  readonly currentVersion: number | null
  readonly current: CertificateFacts | null
  /** When the gateway renews it by itself; null when it does not. */
  readonly renewAt: Date | null
  readonly createdAt: Date
  readonly createdBy: string
}

/** A certificate as it is registered; the rest follows from its groups and versions. */
export type CertificateDraft = Pick<
  Certificate,
  'id' | 'name' | 'groups' | 'domains' | 'issuer' | 'createdAt' | 'createdBy'
>

/** Where private keys lie in the secret store: beside `secrets/`, where no secret's path can lead. */
export function keyPath(certificateId: string): string {
  return `certificates/${certificateId}`
}

/** The certificate as the resource of an event. */
export function certificateResource(certificate: Certificate): NonNullable<AuditEvent['resource']> {
  const { id, name, groups, environment, currentVersion } = certificate
  return { type: 'certificate', id, name, groups, environment, version: currentVersion }
}

/** Whether two states of a certificate are one to whoever decides about it. */
export function isSameToPolicy(one: Certificate, other: Certificate): boolean {
  return factsOf(one) === factsOf(other)
}

function factsOf({ id, name, groups, environment, domains, permittedDomains }: Certificate): string {
  return JSON.stringify([id, name, groups, environment, domains, permittedDomains])
}

/** The certificate as people and events see it: never a key. */
export function certificateView(certificate: Certificate) {
  const { current, renewAt, createdAt } = certificate
  return {
    id: certificate.id,
    name: certificate.name,
    groups: [...certificate.groups],
    environment: certificate.environment,
    domains: [...certificate.domains],
    issuer: certificate.issuer,
    version: certificate.currentVersion,
    subject: current?.subject ?? null,
    sans: [...(current?.sans ?? [])],
    issuerName: current?.issuerName ?? null,
    serial: current?.serial ?? null,
    fingerprint: current?.fingerprint ?? null,
    keyType: current?.keyType ?? null,
    notBefore: current?.notBefore.toISOString() ?? null,
    notAfter: current?.notAfter.toISOString() ?? null,
    renewAt: renewAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    createdBy: certificate.createdBy,
  }
}

/** A version as people see it. */
export function certificateVersionView(version: CertificateVersion) {
  return {
    version: version.version,
    issuer: version.issuer,
    subject: version.subject,
    sans: [...version.sans],
    issuerName: version.issuerName,
    serial: version.serial,
    fingerprint: version.fingerprint,
    keyType: version.keyType,
    notBefore: version.notBefore.toISOString(),
    notAfter: version.notAfter.toISOString(),
    chain: version.chain,
    createdAt: version.createdAt.toISOString(),
    createdBy: version.createdBy,
  }
}

export function certificateNameTaken(name: string): Fault {
  return fault('NAME_TAKEN', { message: `The name ${name} is taken` })
}
