import type { Json } from '../../kernel/canonical-json.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Obligation } from '../../policy/decision.schema.ts'

type JsonObject = { readonly [name: string]: Json }

/** Carries out `redact_result` and `max_result_bytes` on a result before it is released. */
export function applyToResult(obligations: readonly Obligation[], result: JsonObject): Result<JsonObject, Fault> {
  let shaped = result
  for (const { type, properties } of obligations) {
    if (type === 'redact_result') {
      for (const pointer of strings(properties['pointers'])) shaped = redactMember(shaped, pathOf(pointer))
    }
  }
  for (const { type, properties } of obligations) {
    const bytes = properties['bytes']
    if (
      type === 'max_result_bytes' &&
      !(typeof bytes === 'number' && Buffer.byteLength(JSON.stringify(shaped)) <= bytes)
    ) {
      return err(fault('RESULT_TOO_LARGE'))
    }
  }
  return ok(shaped)
}

/** The reference tokens of a JSON Pointer (RFC 6901, section 4). */
function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function redactMember(object: JsonObject, path: readonly string[]): JsonObject {
  const [member, ...rest] = path
  if (member === undefined) return blankMembers(object)
  if (!Object.hasOwn(object, member)) return object
  return { ...object, [member]: redactValue(object[member] ?? null, rest) }
}

function redactValue(value: Json, path: readonly string[]): Json {
  const [member, ...rest] = path
  if (member === undefined) return blank(value)
  if (isArray(value)) return value.map((item, index) => (String(index) === member ? redactValue(item, rest) : item))
  return typeof value === 'object' && value !== null ? redactMember(value, path) : value
}

/** Blanks every leaf and keeps its type, so that the result still fits the tool's output schema. */
function blank(value: Json): Json {
  if (typeof value === 'string') return '[redacted]'
  if (typeof value === 'number') return 0
  if (typeof value === 'boolean') return false
  if (value === null) return null
  return isArray(value) ? value.map(blank) : blankMembers(value)
}

function blankMembers(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, blank(member)]))
}

/** `Array.isArray` does not tell a read-only array from an object. */
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
