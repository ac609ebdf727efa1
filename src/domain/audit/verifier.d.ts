/** What an auditor's check of an export found. `firstBadSeq` and `problem` are null when it passes. */
export interface ExportVerification {
  readonly ok: boolean
  readonly size: number
  readonly root: string
  readonly firstBadSeq: number | null
  readonly problem: string | null
}

/**
 * Verifies an export of the audit log without this software's other code.
 * @param source the export, as one text or as its lines
 * @param publicKeyPem the log's public key (SPKI, PEM)
 */
export function verifyExport(
  source: string | Iterable<string> | AsyncIterable<string>,
  publicKeyPem: string,
): Promise<ExportVerification>
