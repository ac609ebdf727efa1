import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { plainText, unfitness } from '../../kernel/bounded-text.ts'
import { ownSchemas } from '../../kernel/own-schemas.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const PROBLEMS_MAX = 20
const QUOTED_NAME_CHARACTERS = 64

/** A JSON Schema (2020-12) of an object. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly properties: { readonly [name: string]: object }
  readonly required?: readonly string[]
  readonly additionalProperties?: false
}

/** What a schema lets through, for the compiler and at run time. */
export interface Shape<T> {
  readonly schema: ObjectSchema
  /** @returns what was sent, or every problem with it, at most 20 */
  check(sent: unknown): Result<T, readonly Problem[]>
}

/** One thing that is wrong with a request. `path` is a JSON pointer; nothing quotes a value that was sent. */
export interface Problem {
  readonly path: string
  readonly message: string
}

// `strictRequired` would refuse branches of a `oneOf` that require what their parent defines.
const options = { ...ownSchemas, strictRequired: false, allErrors: true, allowUnionTypes: true }
const bodies = configured(new Ajv2020(options))
/** Query parameters arrive as text. */
const queries = configured(new Ajv2020({ ...options, coerceTypes: true, useDefaults: true }))

/** The shape of a JSON body. @typeParam T what the schema lets through, as `FromSchema` gives it */
export function bodyShape<T extends object>(schema: ObjectSchema): Shape<T> {
  return shape<T>(bodies, schema)
}

/** The shape of query parameters: texts become the numbers and booleans that the schema asks for, defaults are filled in. */
export function queryShape<T extends object>(schema: ObjectSchema): Shape<T> {
  return shape<T>(queries, schema)
}

function shape<T extends object>(ajv: Ajv2020, schema: ObjectSchema): Shape<T> {
  // Compiled when it is first asked: most processes ask few of them.
  let validate: ValidateFunction<T> | undefined
  return {
    schema,
    check(sent) {
      const unfit = unfitness(sent)
      if (unfit !== undefined) return err([{ path: '', message: unfit }])
      const data: unknown = structuredClone(sent)
      validate ??= ajv.compile<T>(schema)
      return validate(data) ? ok(data) : err((validate.errors ?? []).slice(0, PROBLEMS_MAX).map(problemOf))
    },
  }
}

function configured(ajv: Ajv2020): Ajv2020 {
  addFormats.default(ajv)
  ajv.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })
  ajv.addKeyword({ keyword: 'x-agent-text', schemaType: 'boolean' })
  return ajv
}

function problemOf({ instancePath, params, message }: ErrorObject): Problem {
  const path = plainText(instancePath)
  const unknown: unknown = params['additionalProperty']
  if (typeof unknown === 'string') {
    return {
      path,
      message: `has an unknown member "${plainText(unknown).slice(0, QUOTED_NAME_CHARACTERS)}"; remove it`,
    }
  }
  const allowed: unknown = params['allowedValues']
  const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''
  return { path, message: `${message ?? 'does not fit the schema'}${values}` }
}
