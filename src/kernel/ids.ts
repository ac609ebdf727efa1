import { randomBytes } from 'node:crypto'

const ID_CHARACTERS = 25
/** Random bytes are fetched for many ids at once: the call costs more than the bytes. */
const POOL_BYTES = ID_CHARACTERS * 128

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export type IdPrefix =
  | 'agt'
  | 'tok'
  | 'ses'
  | 'apr'
  | 'dec'
  | 'evt'
  | 'grp'
  | 'per'
  | 'key'
  | 'sec'
  | 'hst'
  | 'prb'
  | 'prs'
  | 'req'
  | 'kil'
  | 'rep'
  | 'ssh'
  | 'crt'
  | 'ord'

/** A fresh identifier such as `agt_7h2k…`: the prefix, then 125 random bits in Crockford's base 32. Never an authority. */
export function newId(prefix: IdPrefix): string {
  if (used + ID_CHARACTERS > pool.length) {
    pool = randomBytes(POOL_BYTES)
    used = 0
  }
  let id = `${prefix}_`
  for (const byte of pool.subarray(used, used + ID_CHARACTERS)) id += ALPHABET[byte & 31]
  used += ID_CHARACTERS
  return id
}

let pool = Buffer.alloc(0)
let used = 0
