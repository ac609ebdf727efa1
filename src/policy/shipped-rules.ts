import { createHash } from 'node:crypto'
import { digestOf } from '../kernel/digest.ts'

/** Digests of the shipped rules of the previous minor version, which a company's bundle may still hold. 0.1 has none before it. */
export const previousShippedDigests: readonly string[] = []

/** The digest by which shipped rules are known: of the Rego files below `certlocker/`, by name, as a bundle carries them. */
export function shippedDigestOf(files: ReadonlyMap<string, Uint8Array>): string {
  const rules = [...files].filter(([name]) => name.startsWith('certlocker/') && name.endsWith('.rego'))
  return digestOf(Object.fromEntries(rules.map(([name, text]) => [name, sha256(text)])))
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
