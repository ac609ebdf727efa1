import { createHmac, timingSafeEqual } from 'node:crypto'

/** What the registry keeps of one version of an entry. The MAC ties it to its value: numbers are given anew. */
export interface KvPin {
  readonly number: number
  /** HMAC-SHA-256 in base64url. */
  readonly mac: string
  /** The member that holds the value of an entry that was adopted; undefined for those that the gateway wrote. */
  readonly field: string | undefined
}

export interface Pinned {
  /** The entry's path within its mount. */
  readonly entry: string
  readonly number: number
  readonly field: string | undefined
  readonly value: string
}

const FORM = /^v([1-9]\d{0,8}):([A-Za-z0-9_-]{43})(?:#([A-Za-z0-9._-]{1,128}))?$/

/** A pin as text: `v3:` and the MAC, with `#password` after it when adopted. */
export function pinText(key: Buffer, pinned: Pinned): string {
  const { number, field } = pinned
  return `v${number}:${macOf(key, pinned)}${field === undefined ? '' : `#${field}`}`
}

/** @returns undefined for what is no version of Vault's: another store gave it */
export function parsePin(text: string): KvPin | undefined {
  const [, number, mac, field] = FORM.exec(text) ?? []
  return number === undefined || mac === undefined ? undefined : { number: Number(number), mac, field }
}

/** Whether a pin was made for exactly this. */
export function isPinned(key: Buffer, pin: KvPin, { entry, value }: Pick<Pinned, 'entry' | 'value'>): boolean {
  return timingSafeEqual(Buffer.from(pin.mac), Buffer.from(macOf(key, { ...pin, entry, value })))
}

/** JSON keeps the members apart, whatever they hold. */
function macOf(key: Buffer, { entry, number, field, value }: Pinned): string {
  const text = JSON.stringify(['certlocker.vault-pin/v1', entry, number, field ?? '', value])
  return createHmac('sha256', key).update(text).digest('base64url')
}
