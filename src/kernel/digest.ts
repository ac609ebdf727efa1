import { hash } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'

/** `sha256:` and the lower-case hex SHA-256 of the canonical JSON (RFC 8785) of a value. */
export function digestOf(value: unknown): string {
  return digestOfText(canonicalJson(value))
}

/** `sha256:` and the lower-case hex SHA-256 of a text's UTF-8 bytes; of canonical JSON it equals `digestOf`. */
export function digestOfText(text: string): string {
  return `sha256:${hash('sha256', text)}`
}
