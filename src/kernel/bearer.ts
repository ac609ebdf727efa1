import { hash, randomBytes } from 'node:crypto'
import { Secret } from './secret.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_CHARACTERS = 43
const CHECKSUM_CHARACTERS = 6
const SHOWN_CHARACTERS = 4

/** MCP token, API key, SSH ticket. The prefix lets secret scanners find a leaked one. */
export type BearerKind = 'clk_mcp' | 'clk_api' | 'clk_ssh'

/** A fresh bearer: its value (shown once), the hash that is stored, and the prefix that lists show. */
export interface MintedBearer {
  readonly value: Secret<string>
  readonly hash: Buffer
  readonly prefix: string
}

/** Mints a bearer of 43 random base-62 characters (256 bits) and a 6-character checksum: `clk_mcp_<secret><checksum>`. */
export function mintBearer(kind: BearerKind): MintedBearer {
  const secret = randomBase62(SECRET_CHARACTERS)
  const value = `${kind}_${secret}${checksum(kind, secret)}`
  return {
    value: new Secret(value),
    hash: bearerHash(value),
    prefix: value.slice(0, kind.length + 1 + SHOWN_CHARACTERS),
  }
}

/** The lookup key under which a bearer is stored: SHA-256 of the whole value. Values carry 256 bits, so no salt is needed. */
export function bearerHash(value: string): Buffer {
  return hash('sha256', value, 'buffer')
}

/** True when the text has the form and checksum of a bearer of that kind. It says nothing about whether it exists. */
export function isBearer(kind: BearerKind, text: string): boolean {
  if (!text.startsWith(`${kind}_`)) return false
  const body = text.slice(kind.length + 1)
  if (body.length !== SECRET_CHARACTERS + CHECKSUM_CHARACTERS) return false
  const secret = body.slice(0, SECRET_CHARACTERS)
  return body.slice(SECRET_CHARACTERS) === checksum(kind, secret)
}

function checksum(kind: BearerKind, secret: string): string {
  const digest = hash('sha256', `${kind}_${secret}`, 'buffer')
  let text = ''
  for (let index = 0; index < CHECKSUM_CHARACTERS; index++)
    text += ALPHABET[digest.readUInt16BE(index * 2) % ALPHABET.length]
  return text
}

function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 = 4 * 62: dropping the rest keeps every character equally likely.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % ALPHABET.length]
    }
  }
  return text
}
