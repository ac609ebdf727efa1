import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
/** NIST SP 800-38D, 8.2: 96 bits, at random. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Where an envelope belongs. It opens nowhere else: not in another row, nor as another version, nor under another key. */
export interface EnvelopePlace {
  readonly keyId: string
  readonly path: string
  readonly version: number
}

/** A value under a key of its own, and that key under the key-encryption key. Each: nonce, ciphertext, tag. */
export interface Envelope {
  readonly wrappedKey: Buffer
  readonly sealed: Buffer
}

/** Seals a text with AES-256-GCM under a fresh random key. */
export function seal(keyEncryptionKey: Buffer, place: EnvelopePlace, text: string): Envelope {
  const dataKey = randomBytes(KEY_BYTES)
  return {
    wrappedKey: encrypt(keyEncryptionKey, bindingOf('key', place), dataKey),
    sealed: encrypt(dataKey, bindingOf('value', place), Buffer.from(text, 'utf8')),
  }
}

/** @throws Error when a byte of the envelope was changed, or it was sealed for another place or under another key */
export function unseal(keyEncryptionKey: Buffer, place: EnvelopePlace, { wrappedKey, sealed }: Envelope): string {
  const dataKey = decrypt(keyEncryptionKey, bindingOf('key', place), wrappedKey)
  return decrypt(dataKey, bindingOf('value', place), sealed).toString('utf8')
}

/** The additional authenticated data. JSON keeps the members apart, whatever they hold. */
function bindingOf(part: 'key' | 'value', { keyId, path, version }: EnvelopePlace): Buffer {
  return Buffer.from(JSON.stringify(['certlocker.sealed/v1', part, keyId, path, version]))
}

function encrypt(key: Buffer, binding: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(binding)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, binding: Buffer, box: Buffer): Buffer {
  if (box.length < NONCE_BYTES + TAG_BYTES) throw new Error('an envelope is too short')
  const tagStart = box.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(binding)
    .setAuthTag(box.subarray(tagStart))
  return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, tagStart)), decipher.final()])
}
