import { readFile, stat } from 'node:fs/promises'
import type { BundleSource } from '../../gateway/bundles/bundle-source.ts'
import { ok } from '../../kernel/result.ts'
import { bundleBounds } from '../../policy/bundle.ts'
import { refused } from '../../policy/bundle-problem.ts'

/** A bundle in a file of this machine, read again when its time or size changes. @param url `file:` */
export function fileSource(url: string): BundleSource {
  return {
    waits: false,
    async fetch(known) {
      try {
        const { mtimeMs, size, ino } = await stat(new URL(url))
        const tag = `${mtimeMs} ${size} ${ino}`
        if (tag === known) return ok(undefined)
        if (size > bundleBounds.tarballBytesMax) return refused('BUNDLE_TOO_LARGE', `${url} has ${size} bytes`)
        return ok({ bytes: await readFile(new URL(url)), tag })
      } catch {
        return refused('BUNDLE_SOURCE_UNAVAILABLE', `${url} cannot be read; policy.source names it`)
      }
    },
  }
}
