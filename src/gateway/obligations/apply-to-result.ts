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
      for (const pointer of strings(properties['pointers'])) shaped = redactAt(shaped, pointer)
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

function redactAt(result: JsonObject, pointer: string): JsonObject {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const redacted = path.length === 0 ? blank(result) : redactPath(result, path)
  return redacted as JsonObject
}

function redactPath(value: Json, path: readonly string[]): Json {
  const [member, ...rest] = path
  if (member === undefined) return blank(value)
  if (Array.isArray(value))
    return value.map((item: Json, index) => (String(index) === member ? redactPath(item, rest) : item))
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return value
  const object = value as JsonObject
  return { ...object, [member]: redactPath(object[member] ?? null, rest) }
}

/** Blanks every leaf and keeps its type, so that the result still fits the tool's output schema. */
function blank(value: Json): Json {
  if (typeof value === 'string') return '[redacted]'
  if (typeof value === 'number') return 0
  if (typeof value === 'boolean') return false
  if (value === null) return null
  if (Array.isArray(value)) return value.map(blank)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, blank(member as Json)]))
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
