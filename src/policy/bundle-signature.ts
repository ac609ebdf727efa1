import { createHash, sign, verify } from 'node:crypto'
import { Ajv } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { ok, type Result } from '../kernel/result.ts'
import { type BundleProblem, refused } from './bundle-problem.ts'
import { goJson } from './go-json.ts'
import type { PolicyKey, SignatureAlgorithm } from './policy-key.ts'

/** Where a bundle carries its signature, without the leading `/`. */
export const signaturesFile = '.signatures.json'

type Files = ReadonlyMap<string, Uint8Array>

const signaturesSchema = {
  type: 'object',
  required: ['signatures'],
  properties: {
    signatures: { type: 'array', minItems: 1, maxItems: 1, items: { type: 'string', maxLength: 4 * 1024 * 1024 } },
  },
} as const

const headerSchema = {
  type: 'object',
  required: ['alg'],
  properties: { alg: { type: 'string' }, kid: { type: 'string' }, crit: false },
} as const

const payloadSchema = {
  type: 'object',
  required: ['files'],
  properties: {
    files: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'hash', 'algorithm'],
        properties: {
          name: { type: 'string' },
          hash: { type: 'string', pattern: '^[0-9a-f]+$' },
          algorithm: { enum: ['SHA-256', 'SHA-384', 'SHA-512'] },
        },
      },
    },
    scope: { type: 'string' },
    keyid: { type: 'string' },
  },
} as const

type SignedFile = FromSchema<typeof payloadSchema>['files'][number]

const ajv = new Ajv(ownSchemas)
const isSignatures = ajv.compile<FromSchema<typeof signaturesSchema>>(signaturesSchema)
const isHeader = ajv.compile<{ readonly alg: string; readonly kid?: string }>(headerSchema)
const isPayload = ajv.compile<FromSchema<typeof payloadSchema>>(payloadSchema)

/**
 * Verifies the `.signatures.json` of a bundle as `opa sign` writes it: one compact JWS (RFC 7515) whose payload lists
 * every file of the archive with its hash, and nothing else. Key and algorithm come from `keys` alone: a key that the
 * signature names only narrows which of them are tried.
 * @param scope what the signature must say of itself; undefined: it must say nothing
 */
export function verifySignature(
  files: Files,
  { keys, scope }: { readonly keys: readonly PolicyKey[]; readonly scope: string | undefined },
): Result<undefined, BundleProblem> {
  const written = files.get(signaturesFile)
  if (written === undefined) return refused('BUNDLE_UNSIGNED', `${signaturesFile} is missing`)
  const signatures = json(written)
  if (!isSignatures(signatures)) return invalid(`${signaturesFile} does not hold exactly one signature`)
  const [jws = ''] = signatures.signatures
  const payload = signedPayload(jws, keys)
  if (!payload.ok) return payload
  if (!isPayload(payload.value)) return invalid('the payload does not list files with their hashes')
  if (payload.value.scope !== scope)
    return refused('BUNDLE_SCOPE_MISMATCH', `its scope is ${quoted(payload.value.scope)}, not ${quoted(scope)}`)
  return matches(files, payload.value.files)
}

/** Signs the files of a bundle. @returns the text of `.signatures.json` */
export function signFiles(files: Files, key: PolicyKey, scope?: string): Result<string, BundleProblem> {
  const listed: SignedFile[] = []
  for (const [name, bytes] of files) {
    if (name === signaturesFile) continue
    const hash = hashOf(name, bytes, 'SHA-256')
    if (!hash.ok) return hash
    listed.push({ name, hash: hash.value, algorithm: 'SHA-256' })
  }
  const { id: keyid } = key
  const header = { alg: key.algorithm, ...(keyid === undefined ? {} : { kid: keyid }) }
  const payload = {
    files: listed,
    ...(keyid === undefined ? {} : { keyid }),
    ...(scope === undefined ? {} : { scope }),
  }
  const signed = `${encoded(header)}.${encoded(payload)}`
  const signature = sign(hashIn[key.algorithm], Buffer.from(signed), { key: key.key, dsaEncoding: 'ieee-p1363' })
  return ok(JSON.stringify({ signatures: [`${signed}.${signature.toString('base64url')}`] }))
}

const hashIn: Readonly<Record<SignatureAlgorithm, string | null>> = { EdDSA: null, ES256: 'sha256', RS256: 'sha256' }

function signedPayload(jws: string, keys: readonly PolicyKey[]): Result<unknown, BundleProblem> {
  const [header = '', payload = '', signature = '', ...more] = jws.split('.')
  if (more.length > 0 || ![header, payload, signature].every((part) => /^[\w-]+$/.test(part)))
    return invalid('the signature is no compact JWS')
  const stated = json(Buffer.from(header, 'base64url'))
  if (!isHeader(stated)) return invalid('the header of the JWS is malformed')
  const claims = json(Buffer.from(payload, 'base64url'))
  const named = stated.kid ?? (isPayload(claims) ? claims.keyid : undefined)
  const tried = keys.filter(
    ({ id, algorithm }) => algorithm === stated.alg && (id === undefined || id === (named ?? id)),
  )
  const signed = Buffer.from(`${header}.${payload}`)
  const bytes = Buffer.from(signature, 'base64url')
  const isSigned = tried.some(({ key, algorithm }) =>
    verify(hashIn[algorithm], signed, { key, dsaEncoding: 'ieee-p1363' }, bytes),
  )
  return isSigned ? ok(claims) : invalid('none of the configured keys made the signature')
}

function matches(files: Files, listed: readonly SignedFile[]): Result<undefined, BundleProblem> {
  const byName = new Map(listed.map((file) => [file.name.replace(/^\//, ''), file]))
  if (byName.size !== listed.length) return tampered('the signature lists a file twice')
  for (const [name, bytes] of files) {
    if (name === signaturesFile) continue
    const file = byName.get(name)
    if (file === undefined) return tampered(`${name} is not signed`)
    const hash = hashOf(name, bytes, file.algorithm)
    if (!hash.ok) return hash
    if (hash.value !== file.hash) return tampered(`${name} is not what was signed`)
  }
  const absent = [...byName.keys()].find((name) => name === signaturesFile || !files.has(name))
  return absent === undefined ? ok(undefined) : tampered(`${absent} was signed and is missing`)
}

/** Of a document, the hash is that of its values, however they are laid out; of every other file, that of its bytes. */
function hashOf(name: string, bytes: Uint8Array, algorithm: SignedFile['algorithm']): Result<string, BundleProblem> {
  const hash = createHash(algorithm.toLowerCase().replace('-', ''))
  if (!/(?:^|\/)(?:data\.json|\.manifest)$/.test(name)) return ok(hash.update(bytes).digest('hex'))
  const document = goJson(Buffer.from(bytes).toString())
  return document.ok
    ? ok(hash.update(document.value).digest('hex'))
    : refused('BUNDLE_MALFORMED', `${name} is not JSON: ${document.error}`)
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function quoted(scope: string | undefined): string {
  return scope === undefined ? 'none' : JSON.stringify(scope.slice(0, 64))
}

function invalid(detail: string) {
  return refused('BUNDLE_SIGNATURE_INVALID', detail)
}

function tampered(detail: string) {
  return refused('BUNDLE_TAMPERED', detail)
}
