import { Ajv, type ValidateFunction } from 'ajv'
import { ownSchemas } from '../kernel/own-schemas.ts'
import type { Obligation } from './decision.schema.ts'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const positive = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const

/** How much of a call is recorded, from the loosest to the strictest. */
const recordLevels = ['metadata', 'output', 'full'] as const

/** Every obligation that a policy may lay on the gateway, with the schema of its properties. */
const obligationSchemas = {
  max_ttl_seconds: properties({ seconds: positive }),
  redact_result: properties({
    pointers: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      items: { type: 'string', maxLength: 256, pattern: '^(/([^~/]|~[01])*)*$' },
    },
  }),
  max_result_bytes: properties({ bytes: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } }),
  rate_limit: properties({ key: text, calls: positive, seconds: positive }),
  record: properties({ level: { enum: recordLevels } }),
  use_only: properties({}),
  notify: properties({ channels: { type: 'array', minItems: 1, maxItems: 64, items: text } }),
  suspend_agent: { ...properties({ reason: text }), required: [] },
} as const

/** Whether the gateway knows the obligation and its properties are whole. What it does not know, it cannot carry out. */
export function isKnownObligation({ type, properties }: Obligation): boolean {
  return checks.get(type)?.(properties) ?? false
}

function properties<P extends object>(of: P) {
  return { type: 'object', additionalProperties: false, required: Object.keys(of), properties: of } as const
}

const ajv = new Ajv(ownSchemas)
const checks: ReadonlyMap<string, ValidateFunction> = new Map(
  Object.entries(obligationSchemas).map(([type, schema]) => [type, ajv.compile(schema)]),
)
