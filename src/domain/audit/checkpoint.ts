import { hash, type KeyObject, sign, verify } from 'node:crypto'
import { hashBytes } from './merkle.ts'

const ED25519 = 1
const KEY_HASH_BYTES = 4

/** What a checkpoint states: the log of that origin had this size and this root. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** The public half of a log's key and its name, which is the origin of its checkpoints. */
export interface CheckpointVerifier {
  readonly origin: string
  readonly publicKey: KeyObject
}

export interface CheckpointSigner extends CheckpointVerifier {
  readonly privateKey: KeyObject
}

/** A C2SP signed note (c2sp.org/signed-note) of a checkpoint (c2sp.org/tlog-checkpoint) with one Ed25519 signature. */
export function signCheckpoint(
  { origin, publicKey, privateKey }: CheckpointSigner,
  at: { readonly size: number; readonly root: Buffer },
): string {
  const text = `${origin}\n${at.size}\n${at.root.toString('base64')}\n`
  const signature = Buffer.concat([keyHash(origin, publicKey), sign(null, Buffer.from(text), privateKey)])
  return `${text}\n— ${origin} ${signature.toString('base64')}\n`
}

/**
 * Opens a signed checkpoint.
 * @returns what it states, or undefined when it is malformed, of another origin, or lacks a valid signature of the key.
 * Signatures of others beside it (witnesses) are ignored, as the format demands.
 */
export function openCheckpoint(note: string, { origin, publicKey }: CheckpointVerifier): Checkpoint | undefined {
  const [, text, signatures] = /^((?:[^\n]+\n)+)\n((?:— [^ \n]+ [^ \n]+\n)+)$/u.exec(note) ?? []
  if (text === undefined || signatures === undefined) return undefined
  const signed = signatures.split('\n').some((line) => isSignatureOf(line, text, { origin, publicKey }))
  const [name, size = '', root = '', end, ...more] = text.split('\n')
  if (!signed || name !== origin || end !== '' || more.length > 0 || !/^[1-9]\d{0,15}$/.test(size)) return undefined
  const rootHash = decodeBase64(root)
  return rootHash?.length === hashBytes ? { origin, size: Number(size), root: rootHash } : undefined
}

/** The verifier key in C2SP form: `name+key hash+base64(type ‖ public key)`, for standard tools. */
export function verifierKey({ origin, publicKey }: CheckpointVerifier): string {
  const key = Buffer.concat([Buffer.of(ED25519), rawPublicKey(publicKey)])
  return `${origin}+${keyHash(origin, publicKey).toString('hex')}+${key.toString('base64')}`
}

function isSignatureOf(line: string, text: string, { origin, publicKey }: CheckpointVerifier): boolean {
  const [, name, encoded] = line.split(' ')
  const signature = encoded === undefined ? undefined : decodeBase64(encoded)
  if (name !== origin || signature === undefined) return false
  if (!signature.subarray(0, KEY_HASH_BYTES).equals(keyHash(origin, publicKey))) return false
  return verify(null, Buffer.from(text), publicKey, signature.subarray(KEY_HASH_BYTES))
}

function keyHash(name: string, publicKey: KeyObject): Buffer {
  const key = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), rawPublicKey(publicKey)])
  return hash('sha256', key, 'buffer').subarray(0, KEY_HASH_BYTES)
}

function rawPublicKey(publicKey: KeyObject): Buffer {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
