import { gzipSync } from 'node:zlib'
import { ok, type Result } from '../kernel/result.ts'
import { readBundle, unpackBundle } from './bundle.ts'
import type { BundleProblem } from './bundle-problem.ts'
import { signaturesFile, signFiles } from './bundle-signature.ts'
import type { PolicyKey } from './policy-key.ts'
import { readTar, withFile } from './tar.ts'

/**
 * Signs a bundle, in place of a signature it has. The same bundle and key give the same bytes, unless the key is P-256,
 * whose signatures are random.
 * @param scope what the signature says it is for
 * @returns the signed bundle, or why the one given is none
 */
export function signBundle(tarball: Uint8Array, key: PolicyKey, scope?: string): Result<Buffer, BundleProblem> {
  const bundle = readBundle(tarball)
  if (!bundle.ok) return bundle
  const signatures = signFiles(bundle.value.files, key, scope)
  if (!signatures.ok) return signatures
  const archive = unpackBundle(tarball)
  if (!archive.ok) return archive
  const files = readTar(archive.value)
  if (!files.ok) return files
  return ok(gzipSync(withFile(archive.value, files.value, signaturesFile, Buffer.from(signatures.value)), { level: 9 }))
}
