import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export type IdPrefix =
  | 'agt' | 'tok' | 'ses' | 'apr' | 'dec' | 'evt' | 'grp' | 'per' | 'key' | 'sec' | 'hst' | 'req'

/** A fresh identifier such as `agt_7h2k…`: the prefix, then 125 random bits in Crockford's base 32. Never an authority. */
export function newId(prefix: IdPrefix): string {
  let id = `${prefix}_`
  for (const byte of randomBytes(25)) id += ALPHABET[byte & 31]
  return id
}
