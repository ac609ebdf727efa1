import type { BundleSource } from '../../gateway/bundles/bundle-source.ts'
import { FaultError, fault } from '../../kernel/fault.ts'
import { fileSource } from './file-source.ts'

/** The source behind a URL of `policy.source`. */
export function openBundleSource(url: string): BundleSource {
  if (url.startsWith('file:')) return fileSource(url)
  throw new FaultError(
    fault('CONFIGURATION_INVALID', { message: 'policy.source: this version reads bundles behind file: only' }),
  )
}
