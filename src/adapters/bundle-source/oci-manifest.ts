import { Ajv } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { ownSchemas } from '../../kernel/own-schemas.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { type BundleProblem, refused } from '../../policy/bundle-problem.ts'

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'

const manifestSchema = {
  type: 'object',
  required: ['layers'],
  properties: {
    mediaType: { const: manifestType },
    layers: {
      type: 'array',
      minItems: 1,
      maxItems: 1,
      items: {
        type: 'object',
        required: ['mediaType', 'digest', 'size'],
        properties: {
          // The second is what `oras push` says when it is told nothing.
          mediaType: {
            enum: ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.oci.image.layer.v1.tar'],
          },
          digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$' },
          size: { type: 'integer', minimum: 0 },
        },
      },
    },
  },
} as const

type Manifest = FromSchema<typeof manifestSchema>
export type Layer = Manifest['layers'][number]

const isManifest = new Ajv({ ...ownSchemas, strictTypes: false }).compile<Manifest>(manifestSchema)

/** The one layer of a manifest of an artifact that holds a bundle. */
export function layerOf(bytes: Uint8Array): Result<Layer, BundleProblem> {
  const manifest = parsed(bytes)
  if (!isManifest(manifest)) {
    const [problem] = isManifest.errors ?? []
    return refused(
      'BUNDLE_MALFORMED',
      `its manifest${problem?.instancePath ?? ''} ${problem?.message ?? 'is malformed'}`,
    )
  }
  const [layer] = manifest.layers
  return layer === undefined ? refused('BUNDLE_MALFORMED', 'its manifest has no layer') : ok(layer)
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
