import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'

/**
 * How a passphrase becomes a key: scrypt (RFC 7914) with the parameters that OWASP's Password Storage Cheat Sheet names
 * first. 128 MiB and a fraction of a second per guess.
 */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const
const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Shorter ones are refused: whoever has the file can guess without end. */
export const passphraseCharactersMin = 16

/** @returns salt, nonce, tag and ciphertext in base64. `context` is authenticated with it: it opens nowhere else. */
export async function sealText(text: string, passphrase: string, context: string): Promise<string> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const cipher = createCipheriv(CIPHER, await keyFrom(passphrase, salt), nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

/** @returns undefined when the passphrase is another one, or a byte was changed */
export async function openText(sealed: string, passphrase: string, context: string): Promise<string | undefined> {
  const bytes = Buffer.from(sealed, 'base64')
  const [nonceAt, tagAt, textAt] = [SALT_BYTES, SALT_BYTES + NONCE_BYTES, SALT_BYTES + NONCE_BYTES + TAG_BYTES]
  if (bytes.length < textAt) return undefined
  const key = await keyFrom(passphrase, bytes.subarray(0, nonceAt))
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(nonceAt, tagAt), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(tagAt, textAt))
  const text = decipher.update(bytes.subarray(textAt))
  try {
    return Buffer.concat([text, decipher.final()]).toString()
  } catch {
    return undefined
  }
}

function keyFrom(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_BYTES, SCRYPT, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}
