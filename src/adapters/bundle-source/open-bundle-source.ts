import type { BundleSource } from '../../gateway/bundles/bundle-source.ts'
import { fileSource } from './file-source.ts'
import { httpSource } from './http-source.ts'
import { ociSource } from './oci-source.ts'
import type { SourceAccess } from './source-access.ts'

/** So long a server may take for one answer. */
const ANSWER_MS = 15_000

/** The source behind a URL of `policy.source`. @throws FaultError CONFIGURATION_INVALID when it is none */
export function openBundleSource(url: string, access: Omit<SourceAccess, 'timeoutMs'>): BundleSource {
  if (url.startsWith('file:')) return fileSource(url)
  const reached = { ...access, timeoutMs: ANSWER_MS }
  return url.startsWith('oci:') ? ociSource(url, reached) : httpSource(url, reached)
}
