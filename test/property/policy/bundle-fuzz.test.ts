import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bundleFaults } from '../../../src/kernel/bundle-faults.ts'
import { readBundle, unpackBundle } from '../../../src/policy/bundle.ts'
import { signFiles, signaturesFile, verifySignature } from '../../../src/policy/bundle-signature.ts'
import { policyPrivateKey, policyPublicKey } from '../../../src/policy/policy-key.ts'
import { fuzzing } from '../../support/fuzzing.ts'
import { tarball } from '../../unit/policy/make-bundle.ts'

const shipped = readFileSync(new URL('../../../bundles/certlocker.tar.gz', import.meta.url))
const unpacked = unpackBundle(shipped)
const read = readBundle(shipped)
if (!unpacked.ok || !read.ok) throw new Error('the shipped bundle cannot be read')
// The archive's head holds all kinds of files; the module behind it would only be bytes.
const archive = unpacked.value
const { files } = read.value

/** Bytes put over others, in headers as well as in files. */
const edits = fc.array(
  fc.record({
    at: fc.oneof(
      fc.nat(archive.length - 1),
      fc.nat(4).map((block) => block * 512),
      fc.nat(8 * 512),
    ),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  }),
  { minLength: 1, maxLength: 4 },
)

function edited(original: Buffer, changes: readonly { readonly at: number; readonly bytes: Uint8Array }[]): Buffer {
  const copy = Buffer.from(original)
  for (const { at, bytes } of changes) copy.set(bytes.subarray(0, Math.max(0, copy.length - at)), at)
  return copy
}

/** @returns whether it was read; whatever is not, has a code with a remedy */
function isRead(tarball: Uint8Array): boolean {
  const bundle = readBundle(tarball)
  if (!bundle.ok) expect(Object.keys(bundleFaults)).toContain(bundle.error.code)
  else for (const name of bundle.value.files.keys()) expect(name).not.toMatch(/^\/|(^|\/)\.\.?(\/|$)|\0/u)
  return bundle.ok
}

describe('the reader of bundles', () => {
  test('takes nothing that is no bundle, and never fails on it', () => {
    const bytes = fc.uint8Array({ maxLength: 2048 })
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          bytes.map((some) => gzipSync(some)),
        ),
        (some) => !isRead(some),
      ),
      fuzzing(500),
    )
  })

  test('never fails on what was a bundle, and reads no name that leads out of it', () => {
    fc.assert(
      fc.property(edits, fc.option(fc.nat(archive.length), { freq: 4 }), (changes, cut) => {
        isRead(gzipSync(edited(archive, changes).subarray(0, cut ?? archive.length), { level: 0 }))
      }),
      fuzzing(200),
    )
  })

  test('reads no name that leads out, however it is put together', () => {
    const part = fc.constantFrom('..', '.', '/', 'a', '\\', '\u0000', ' ', 'certlocker', '.rego', '%2e')
    const name = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('').slice(0, 99))
    const sound = ['.manifest', 'policy.wasm'].map((each) => ({ name: `/${each}`, content: files.get(each) ?? '' }))
    fc.assert(
      fc.property(name, (other) => {
        isRead(tarball([...sound, { name: `${other}.rego`, content: 'package x' }]))
      }),
      fuzzing(100),
    )
  })

  test('never fails on broken gzip', () => {
    const change = fc.record({ at: fc.nat(shipped.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }) })
    fc.assert(
      fc.property(change, (one) => {
        const broken = edited(shipped, [one])
        // The first ten bytes say when and where it was packed, too.
        expect(isRead(broken)).toBe(broken.equals(shipped) || (one.at < 10 && isRead(broken)))
      }),
      fuzzing(100),
    )
  })
})

describe('the verifier of signatures', () => {
  const pair = generateKeyPairSync('ed25519')
  const key = policyPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'ci')
  const known = policyPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'ci')
  if (!key.ok || !known.ok) throw new Error('the keys of the test cannot be made')
  const small = new Map([...files].filter(([name]) => name !== 'policy.wasm'))
  const signatures = signFiles(small, key.value, 'prod')
  if (!signatures.ok) throw new Error(signatures.error.detail)
  const text = signatures.value
  const rules = { keys: [known.value], scope: 'prod' }
  const verdict = (changed: ReadonlyMap<string, Uint8Array>, written: string | Uint8Array = text) => {
    const result = verifySignature(new Map([...changed, [signaturesFile, Buffer.from(written)]]), rules)
    return result.ok ? 'ok' : result.error.code
  }
  const bytesFiles = [...small.keys()].filter((name) => name.endsWith('.rego'))

  test('takes what was signed', () => expect(verdict(small)).toBe('ok'))

  test('takes no file that is changed, added, renamed or missing', () => {
    const change = fc.record({
      name: fc.constantFrom(...bytesFiles),
      at: fc.nat(),
      xor: fc.integer({ min: 1, max: 255 }),
      other: fc.string({ maxLength: 12 }).map((name) => `other/${name}`),
      kind: fc.constantFrom('changed', 'added', 'renamed', 'missing'),
    })
    fc.assert(
      fc.property(change, ({ name, at, xor, other, kind }) => {
        const changed = new Map<string, Uint8Array>(small)
        const bytes = Buffer.from(small.get(name) ?? '')
        if (kind === 'changed') bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ xor
        if (kind === 'missing' || kind === 'renamed') changed.delete(name)
        if (kind === 'changed') changed.set(name, bytes)
        if (kind === 'added' || kind === 'renamed') changed.set(other, bytes)
        expect(verdict(changed)).toBe('BUNDLE_TAMPERED')
      }),
      fuzzing(200),
    )
  })

  test('takes no signature that is not the one that was made', () => {
    const [, jws = ''] = /\["(.*)"\]/u.exec(text) ?? []
    const [header = '', payload = '', signature = ''] = jws.split('.')
    const b64 = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url')
    const part = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom(
        '',
        header,
        payload,
        signature,
        b64({ alg: 'none' }),
        b64({ alg: 'HS256' }),
        b64({ alg: 'EdDSA' }),
      ),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    )
    const forged = fc.tuple(part, part, part).map((parts) => parts.join('.'))
    const broken = fc
      .record({ at: fc.nat(jws.length - 1), by: fc.constantFrom(...'Aa0_-.=') })
      .map(({ at, by }) => jws.slice(0, at) + by + jws.slice(at + 1))
    const listed = fc.oneof(
      fc.oneof(forged, broken).map((one) => JSON.stringify({ signatures: [one] })),
      fc.constantFrom(JSON.stringify({ signatures: [] }), JSON.stringify({ signatures: [jws, jws] })),
      fc.json(),
      fc.string(),
    )
    const bytesOf = (compact: string) => Buffer.from(compact.split('.')[2] ?? '', 'base64url')
    fc.assert(
      fc.property(listed, (written) => {
        const given = /\["(.*)"\]/u.exec(written)?.[1] ?? ''
        // The last character of base64url has bits that mean nothing.
        const isSame = given.startsWith(`${header}.${payload}.`) && bytesOf(given).equals(bytesOf(jws))
        if (!isSame) expect(verdict(small, written)).toMatch(/^BUNDLE_(SIGNATURE_INVALID|MALFORMED)$/u)
      }),
      fuzzing(1000),
    )
  })
})
