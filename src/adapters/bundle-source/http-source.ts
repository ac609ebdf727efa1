import { createHash } from 'node:crypto'
import type { BundleSource } from '../../gateway/bundles/bundle-source.ts'
import { ok } from '../../kernel/result.ts'
import { bundleBounds } from '../../policy/bundle.ts'
import { boundedGet, unavailable } from './bounded-get.ts'
import { authorizationOf, type SourceAccess } from './source-access.ts'

/** So long a server that can wait is asked to keep a question for which it has no news: below what proxies cut. */
const WAIT_SECONDS = 30
/** An answer that came sooner did not wait, whatever its type says: its server must not be asked in a tight loop. */
const WAITED_MS_MIN = 500
const longPollType = 'application/vnd.openpolicyagent.bundles'

/**
 * A bundle of an HTTP server, by OPA's bundle protocol: `ETag` and `If-None-Match`, `Prefer: modes=snapshot;wait=N`
 * where the server waits, which it says by the type of its answers.
 * @param url `https:`, or `http:` to loopback
 */
export function httpSource(url: string, access: SourceAccess): BundleSource {
  const place = new URL(url)
  const authorization = authorizationOf(access.credential)
  let waits = false
  return {
    get waits() {
      return waits
    },
    async fetch(known, signal) {
      const wait = known === undefined ? 0 : WAIT_SECONDS
      const asked = performance.now()
      const got = await boundedGet(place, {
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(isEntityTag(known) ? { 'if-none-match': known } : {}),
          prefer: wait === 0 ? 'modes=snapshot' : `modes=snapshot;wait=${wait}`,
        },
        bytesMax: bundleBounds.tarballBytesMax,
        timeoutMs: access.timeoutMs + wait * 1000,
        signal,
        ca: access.ca,
        from: 'same-origin',
      })
      waits = false
      if (!got.ok) return got
      const { status, headers, bytes } = got.value
      const isNews = status === 200
      if (!isNews && (status !== 304 || known === undefined)) return unavailable(place, `it answered ${status}`)
      const tag = headers.etag ?? `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      const isOther = isNews && tag !== known
      const isSlow = performance.now() - asked >= WAITED_MS_MIN
      waits = headers['content-type'] === longPollType && (isOther || isSlow)
      return ok(isOther ? { bytes, tag } : undefined)
    },
  }
}

function isEntityTag(tag: string | undefined): tag is string {
  return tag !== undefined && /^(W\/)?"/.test(tag)
}
