import type { Environment } from '../../kernel/vocabulary.ts'
import type { Certificate, CertificateFacts, CertificateVersion } from './certificate.ts'

interface FactsRow {
  readonly subject: string
  readonly sans: string[]
  readonly issuer_name: string
  readonly serial: string
  readonly fingerprint: string
  readonly key_type: string
  readonly not_before: Date
  readonly not_after: Date
}

/** A certificate beside the facts of its current version, which are all null before there is one. */
export type CertificateRow = { readonly [Column in keyof FactsRow]: FactsRow[Column] | null } & {
  readonly id: string
  readonly name: string
  readonly groups: string[]
  readonly environment: Environment
  readonly domains: string[]
  readonly permitted_domains: string[]
  readonly issuer: string | null
  readonly current_version: number | null
  readonly renew_at: Date | null
  readonly created_at: Date
  readonly created_by: string
}

export interface VersionRow extends FactsRow {
  readonly certificate_id: string
  readonly version: number
  readonly chain: string
  readonly key_path: string
  readonly key_version: string
  readonly issuer: string | null
  readonly created_at: Date
  readonly created_by: string
}

export function fromRow(row: CertificateRow): Certificate {
  return {
    id: row.id,
    name: row.name,
    groups: row.groups,
    environment: row.environment,
    domains: row.domains,
    permittedDomains: row.permitted_domains,
    issuer: row.issuer,
    currentVersion: row.current_version,
    current: hasFacts(row) ? facts(row) : null,
    renewAt: row.renew_at,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}

export function fromVersionRow(row: VersionRow): CertificateVersion {
  return {
    ...facts(row),
    version: row.version,
    chain: row.chain,
    keyPath: row.key_path,
    keyVersion: row.key_version,
    issuer: row.issuer,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}

export function versionRow(certificateId: string, version: CertificateVersion): VersionRow {
  return {
    certificate_id: certificateId,
    version: version.version,
    chain: version.chain,
    subject: version.subject,
    sans: [...version.sans],
    issuer_name: version.issuerName,
    serial: version.serial,
    fingerprint: version.fingerprint,
    key_type: version.keyType,
    not_before: version.notBefore,
    not_after: version.notAfter,
    key_path: version.keyPath,
    key_version: version.keyVersion,
    issuer: version.issuer,
    created_at: version.createdAt,
    created_by: version.createdBy,
  }
}

function hasFacts(row: CertificateRow): row is CertificateRow & FactsRow {
  return row.fingerprint !== null && row.not_after !== null
}

function facts(row: FactsRow): CertificateFacts {
  return {
    subject: row.subject,
    sans: row.sans,
    issuerName: row.issuer_name,
    serial: row.serial,
    fingerprint: row.fingerprint,
    keyType: row.key_type,
    notBefore: row.not_before,
    notAfter: row.not_after,
  }
}
