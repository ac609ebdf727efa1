import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of this package: the checkout, or where npm installed it. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url))

export interface ToolPins {
  readonly version: string
  readonly goPackage: string
  readonly goTags: string
  /** Hex SHA-256 of the official release file, by platform (`linux_amd64`). A platform that is missing is not downloaded. */
  readonly sha256: Readonly<Record<string, string>>
}

/** This package's version and the pinned `opa`, from package.json. */
export function packageFacts(): { readonly version: string; readonly opa: ToolPins } {
  const facts = record(JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')))
  const opa = record(record(record(facts.certlocker).tools).opa)
  const sha256 = Object.entries(record(opa.sha256 ?? {})).map(([platform, digest]) => [platform, text(digest)])
  return {
    version: text(facts.version),
    opa: {
      version: text(opa.version),
      goPackage: text(opa.goPackage),
      goTags: text(opa.goTags),
      sha256: Object.fromEntries(sha256),
    },
  }
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('package.json: an object was expected')
  return { ...value }
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('package.json: a text was expected')
  return value
}
