/** What an auditor's check of an export found. `firstBadSeq` and `problem` are null when it passes. */
export interface ExportVerification {
  readonly ok: boolean
  readonly size: number
  readonly root: string
  readonly firstBadSeq: number | null
  readonly problem: string | null
  /** Of a part of the log: how many events are proven. `size` and `root` are those of the log that they lie in. */
  readonly events?: number
}

/**
 * Verifies an export of the audit log, or of a part of it, without this software's other code. A part is shown to lie in
 * the log; that it holds everything that was asked for cannot be shown.
 * @param source the export, as one text or in pieces
 * @param publicKeyPem the log's public key (SPKI, PEM)
 */
export function verifyExport(
  source: string | Iterable<string> | AsyncIterable<string>,
  publicKeyPem: string,
): Promise<ExportVerification>
