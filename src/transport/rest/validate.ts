import type { ErrorObject } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { plainText, unfitness } from '../../kernel/bounded-text.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const PROBLEMS_MAX = 20
const QUOTED_NAME_CHARACTERS = 64

export type ObjectSchema = JSONSchema & { readonly type: 'object'; readonly properties: object }

/** One thing that is wrong with a request. `path` is a JSON pointer; nothing quotes a value that was sent. */
export interface Problem {
  readonly path: string
  readonly message: string
}

/** @returns what was sent, as the schema's type, or every problem with it, at most 20 */
export type Validate<S extends ObjectSchema> = (sent: unknown) => Result<FromSchema<S>, readonly Problem[]>

const bodies = configured(new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }))
/** Query parameters arrive as text. */
const queries = configured(new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true, coerceTypes: true, useDefaults: true }))

/** Checks JSON bodies. */
export function bodyValidator<const S extends ObjectSchema>(schema: S): Validate<S> {
  return validator(bodies, schema)
}

/** Checks query parameters: texts become the numbers and booleans that the schema asks for, defaults are filled in. */
export function queryValidator<const S extends ObjectSchema>(schema: S): Validate<S> {
  return validator(queries, schema)
}

function validator<const S extends ObjectSchema>(ajv: Ajv2020, schema: S): Validate<S> {
  const validate = ajv.compile<FromSchema<S>>(schema)
  return (sent) => {
    const unfit = unfitness(sent)
    if (unfit !== undefined) return err([{ path: '', message: unfit }])
    const data = structuredClone(sent)
    if (validate(data)) return ok(data)
    return err((validate.errors ?? []).slice(0, PROBLEMS_MAX).map(problemOf))
  }
}

function configured(ajv: Ajv2020): Ajv2020 {
  addFormats.default(ajv)
  ajv.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })
  return ajv
}

function problemOf({ instancePath, params, message }: ErrorObject): Problem {
  const path = plainText(instancePath)
  const unknown: unknown = params['additionalProperty']
  if (typeof unknown === 'string') {
    return { path, message: `has an unknown member "${plainText(unknown).slice(0, QUOTED_NAME_CHARACTERS)}"; remove it` }
  }
  const allowed: unknown = params['allowedValues']
  const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''
  return { path, message: `${message ?? 'does not fit the schema'}${values}` }
}
