import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { Ajv } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { ok, type Result } from '../kernel/result.ts'
import { type BundleProblem, refused, thrownText } from './bundle-problem.ts'
import type { PolicyVersion } from './policy-engine.ts'
import { readTar } from './tar.ts'

/** Bounds of a bundle: the tarball, all its files together, and its data, which takes about 18 times its size in memory. */
export const bundleBounds = {
  tarballBytesMax: 8 * 1024 * 1024,
  unpackedBytesMax: 32 * 1024 * 1024,
  dataBytesMax: 1024 * 1024,
} as const

/** The rule whose value is the decision; an entrypoint of every bundle. */
export const decisionEntrypoint = 'certlocker/main/decision'

const manifestSchema = {
  type: 'object',
  required: ['wasm'],
  properties: {
    revision: { type: 'string', maxLength: 256 },
    wasm: {
      type: 'array',
      items: {
        type: 'object',
        required: ['entrypoint', 'module'],
        properties: { entrypoint: { type: 'string' }, module: { const: '/policy.wasm' } },
      },
      contains: { type: 'object', properties: { entrypoint: { const: decisionEntrypoint } } },
    },
    metadata: {
      type: 'object',
      properties: {
        sequence: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        inputSchema: { type: 'string', maxLength: 64 },
        decisionSchema: { type: 'string', maxLength: 64 },
        shippedDigest: { type: 'string', maxLength: 80 },
        /** Questions whose answers its authors promise; the gateway asks them before it activates the bundle. */
        vectors: {
          type: 'array',
          maxItems: 1000,
          items: {
            type: 'object',
            required: ['name', 'input', 'effect'],
            properties: {
              name: { type: 'string', maxLength: 256 },
              input: { type: 'object' },
              effect: { enum: ['allow', 'deny', 'require_approval'] },
            },
          },
        },
      },
    },
  },
} as const

export type Manifest = FromSchema<typeof manifestSchema>

type JsonObject = { readonly [name: string]: unknown }

/** A policy as it is shipped: read and bounded, but neither verified nor loaded. */
export interface Bundle {
  readonly version: PolicyVersion
  readonly manifest: Manifest
  readonly wasm: Uint8Array
  /** Base documents: only tunables, under `certlocker.config`. */
  readonly data: JsonObject
  /** Every file of the archive by its name without leading `/`, as a signature lists them. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * Reads a bundle as `opa build -t wasm` makes it. Refuses what is too large, any other kind of file (a delta bundle's
 * `patch.json` above all, since a delta cannot be signed), and data where policies live, since data merges with rules.
 */
export function readBundle(tarball: Uint8Array): Result<Bundle, BundleProblem> {
  const unpacked = unpackBundle(tarball)
  if (!unpacked.ok) return unpacked
  const tar = readTar(unpacked.value)
  if (!tar.ok) return tar
  const files = tar.value
  if (files.has('patch.json'))
    return refused('BUNDLE_DELTA', 'patch.json makes it a delta bundle, which cannot be signed')
  const stranger = [...files.keys()].find((name) => !expectedName.test(name))
  if (stranger !== undefined) return refused('BUNDLE_MALFORMED', `${stranger} has no place in a bundle`)
  const wasm = files.get('policy.wasm')
  if (wasm === undefined) return refused('BUNDLE_MALFORMED', 'policy.wasm is missing')
  const manifest = readManifest(files.get('.manifest'))
  if (!manifest.ok) return manifest
  const data = readData(files)
  if (!data.ok) return data
  const { revision = '', metadata: { sequence = 0 } = {} } = manifest.value
  const digest = `sha256:${createHash('sha256').update(tarball).digest('hex')}`
  return ok({ version: { revision, digest, sequence }, manifest: manifest.value, wasm, data: data.value, files })
}

const expectedName = /^(policy\.wasm|data\.json|\.manifest|\.signatures\.json|.+\.rego)$/

/** Unzips a bundle within its bounds. @returns the tar archive */
export function unpackBundle(tarball: Uint8Array): Result<Buffer, BundleProblem> {
  if (tarball.length > bundleBounds.tarballBytesMax) {
    return refused('BUNDLE_TOO_LARGE', `the tarball is larger than ${bundleBounds.tarballBytesMax} bytes`)
  }
  try {
    return ok(gunzipSync(tarball, { maxOutputLength: bundleBounds.unpackedBytesMax }))
  } catch (error) {
    const bomb = error instanceof RangeError
    return bomb
      ? refused('BUNDLE_BOMB', `unpacked, the bundle is larger than ${bundleBounds.unpackedBytesMax} bytes`)
      : refused('BUNDLE_MALFORMED', `not gzip: ${thrownText(error)}`)
  }
}

const isManifest = new Ajv(ownSchemas).compile<Manifest>(manifestSchema)

function readManifest(bytes: Uint8Array | undefined): Result<Manifest, BundleProblem> {
  if (bytes === undefined) return refused('BUNDLE_MALFORMED', '.manifest is missing')
  const manifest = parseJson('.manifest', bytes)
  if (!manifest.ok) return manifest
  if (isManifest(manifest.value)) return ok(manifest.value)
  const [problem] = isManifest.errors ?? []
  return refused('BUNDLE_MALFORMED', `.manifest${problem?.instancePath ?? ''} ${problem?.message ?? 'is malformed'}`)
}

function readData(files: ReadonlyMap<string, Uint8Array>): Result<JsonObject, BundleProblem> {
  const bytes = files.get('data.json')
  if (bytes === undefined) return ok({})
  if (bytes.length > bundleBounds.dataBytesMax) {
    return refused('BUNDLE_TOO_LARGE', `data.json is larger than ${bundleBounds.dataBytesMax} bytes`)
  }
  const data = parseJson('data.json', bytes)
  if (!data.ok) return data
  if (!isObject(data.value)) return refused('BUNDLE_MALFORMED', 'data.json is not an object')
  const misplaced = misplacedData(data.value)
  if (misplaced !== undefined)
    return refused('BUNDLE_DATA_UNDER_POLICY', `data.${misplaced} is not under data.certlocker.config`)
  const intruder = [...files].find(([name, source]) => name.endsWith('.rego') && isConfigPackage(source))
  if (intruder !== undefined)
    return refused('BUNDLE_DATA_UNDER_POLICY', `${intruder[0]} declares a package under certlocker.config`)
  return ok(data.value)
}

function misplacedData({ certlocker = {}, ...others }: JsonObject): string | undefined {
  const [root] = Object.keys(others)
  if (root !== undefined) return root
  if (!isObject(certlocker)) return 'certlocker'
  const branch = Object.keys(certlocker).find((name) => name !== 'config')
  return branch === undefined ? undefined : `certlocker.${branch}`
}

function isConfigPackage(source: Uint8Array): boolean {
  const [, path = ''] = /^\s*package\s+(\S+)/m.exec(Buffer.from(source).toString()) ?? []
  return /^certlocker\.config(\.|$)/.test(path.replaceAll(/\["([^"]*)"\]/g, '.$1'))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(name: string, bytes: Uint8Array): Result<unknown, BundleProblem> {
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (error) {
    return refused('BUNDLE_MALFORMED', `${name} is not JSON: ${thrownText(error)}`)
  }
}
