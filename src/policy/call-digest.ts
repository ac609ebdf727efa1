import { createHmac } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { digestOf } from '../kernel/digest.ts'

type JsonObject = { readonly [name: string]: unknown }

export interface CallIdentity {
  readonly agentId: string
  readonly tool: string
  /** As sent, nothing filled in, `x-sensitive` members masked. */
  readonly arguments: JsonObject
  /** `""` and `0` where there is no resource. */
  readonly resourceId: string
  readonly resourceVersion: number
}

/**
 * The identity of a call for approvals, single use and attaching: `sha256:` and hex over canonical JSON (RFC 8785).
 * Two calls have the same digest exactly when agent, tool, arguments, resource and its version are the same.
 */
export function callDigest({ agentId, tool, arguments: args, resourceId, resourceVersion }: CallIdentity): string {
  return digestOf({ agent: agentId, arguments: args, resource: { id: resourceId, version: resourceVersion }, tool })
}

/**
 * Replaces every member that its schema marks `x-sensitive: true`, whole subtrees too, by `hmac-sha256:` and the hex
 * HMAC of its canonical JSON under the deployment's key: equal values stay equal, and none can be guessed from outside.
 * @throws TypeError when the schema uses `$ref` or its like, behind which a mark would be overlooked
 */
export function maskSensitive(args: JsonObject, schema: object, hmacKey: Buffer): JsonObject {
  if (!marksAnything(schema)) return args
  const masked = mask(args, [schema], hmacKey)
  return isObject(masked) ? masked : { arguments: masked }
}

const unfollowed = /"(\$ref|\$dynamicRef|dependentSchemas|unevaluatedProperties|unevaluatedItems)":/
const marked = new WeakMap<object, boolean>()

function marksAnything(schema: object): boolean {
  const known = marked.get(schema)
  if (known !== undefined) return known
  const text = JSON.stringify(schema)
  if (unfollowed.test(text))
    throw new TypeError('a schema of arguments must not use $ref or unevaluated and dependent schemas')
  const marks = text.includes('"x-sensitive":true')
  marked.set(schema, marks)
  return marks
}

function mask(value: unknown, schemas: readonly object[], hmacKey: Buffer): unknown {
  const applying = schemas.flatMap(withBranches)
  if (applying.some((schema) => member(schema, 'x-sensitive') === true)) return hmacOf(value, hmacKey)
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) =>
      mask(
        item,
        applying.flatMap((schema) => itemSchemas(schema, index)),
        hmacKey,
      ),
    )
  }
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, at]) => [
      name,
      mask(
        at,
        applying.flatMap((schema) => memberSchemas(schema, name)),
        hmacKey,
      ),
    ]),
  )
}

function hmacOf(value: unknown, hmacKey: Buffer): string {
  return `hmac-sha256:${createHmac('sha256', hmacKey)
    .update(`certlocker.argument/v1 ${canonicalJson(value)}`)
    .digest('hex')}`
}

/** A mark counts in every branch, whether or not the branch applies: masking too much is safe. */
function withBranches(schema: object): object[] {
  const branches = ['anyOf', 'oneOf', 'allOf', 'if', 'then', 'else'].flatMap((keyword) => member(schema, keyword) ?? [])
  return [schema, ...branches.filter(isObject).flatMap(withBranches)]
}

function memberSchemas(schema: object, name: string): object[] {
  const patterns = Object.entries(member(schema, 'patternProperties') ?? {}).filter(([pattern]) =>
    new RegExp(pattern, 'u').test(name),
  )
  const named = [member(member(schema, 'properties'), name), ...patterns.map(([, at]: [string, unknown]) => at)].filter(
    isObject,
  )
  return named.length > 0 ? named : [member(schema, 'additionalProperties')].filter(isObject)
}

function itemSchemas(schema: object, index: number): object[] {
  const prefix = member(schema, 'prefixItems')
  return [Array.isArray(prefix) ? member(prefix, String(index)) : undefined, member(schema, 'items')].filter(isObject)
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
