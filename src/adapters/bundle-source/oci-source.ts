import { createHash } from 'node:crypto'
import type { BundleSource, Offer } from '../../gateway/bundles/bundle-source.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { bundleBounds } from '../../policy/bundle.ts'
import { type BundleProblem, refused } from '../../policy/bundle-problem.ts'
import { isHere, unavailable } from './bounded-get.ts'
import { type OciPlace, parseOciUrl } from './oci-place.ts'
import { layerOf, manifestType } from './oci-manifest.ts'
import { openRegistry, type Registry } from './oci-registry.ts'
import type { SourceAccess } from './source-access.ts'

const MANIFEST_BYTES_MAX = 1024 * 1024

/**
 * A bundle in an OCI registry, pulled by tag or digest (OCI distribution specification 1.1): the one layer of its
 * manifest, as `oras push` puts it there and `opa` reads it. Manifest and layer are checked by their digests.
 * @param url `oci://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]`; loopback without a CA of its own is spoken to in the clear
 */
export function ociSource(url: string, access: SourceAccess): BundleSource {
  const place = parseOciUrl(url)
  const secure = new URL(`https://${place.host}`)
  const isPlain = isHere(secure) && access.ca === undefined
  const registry = openRegistry(isPlain ? new URL(`http://${place.host}`) : secure, place.repository, access)
  return {
    waits: false,
    async fetch(known, signal) {
      const manifest = await pullManifest(registry, place, signal)
      if (!manifest.ok) return manifest
      const { tag, bytes } = manifest.value
      if (tag === known) return ok(undefined)
      const layer = await pullLayer(registry, bytes, signal)
      return layer.ok ? ok({ bytes: layer.value, tag }) : layer
    },
  }
}

async function pullManifest(
  registry: Registry,
  { reference }: OciPlace,
  signal: AbortSignal,
): Promise<Result<Offer, BundleProblem>> {
  const got = await registry.get(`manifests/${reference}`, {
    accept: manifestType,
    bytesMax: MANIFEST_BYTES_MAX,
    from: 'same-origin',
    signal,
  })
  if (!got.ok) return got
  const { status, headers, bytes } = got.value
  if (status !== 200) return unavailable(registry.url, `it answered ${status} to the manifest ${reference}`)
  const promised = [reference, headers['docker-content-digest']].filter((text) => typeof text === 'string')
  const wrong = promised.find((digest) => digest.includes(':') && digestLike(digest, bytes) !== digest)
  if (wrong !== undefined) return mismatch(registry, `the manifest is not ${wrong.slice(0, 160)}`)
  return ok({ bytes, tag: `sha256:${createHash('sha256').update(bytes).digest('hex')}` })
}

async function pullLayer(
  registry: Registry,
  manifest: Uint8Array,
  signal: AbortSignal,
): Promise<Result<Buffer, BundleProblem>> {
  const layer = layerOf(manifest)
  if (!layer.ok) return layer
  const { digest, size } = layer.value
  if (size > bundleBounds.tarballBytesMax) return refused('BUNDLE_TOO_LARGE', `its layer has ${size} bytes`)
  const got = await registry.get(`blobs/${digest}`, {
    accept: '*/*',
    bytesMax: bundleBounds.tarballBytesMax,
    from: 'anywhere',
    signal,
  })
  if (!got.ok) return got
  const { status, bytes } = got.value
  if (status !== 200) return unavailable(registry.url, `it answered ${status} to the layer ${digest}`)
  return bytes.length === size && digestLike(digest, bytes) === digest
    ? ok(bytes)
    : mismatch(registry, `the layer is not ${digest}`)
}

/** @returns the digest of the bytes by the algorithm that the given one names; undefined for any but SHA-256 and -512 */
function digestLike(digest: string, bytes: Uint8Array): string | undefined {
  const [algorithm = ''] = digest.split(':')
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return undefined
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

function mismatch({ url }: Registry, detail: string) {
  return refused('BUNDLE_DIGEST_MISMATCH', `${url.origin}: ${detail}`)
}
