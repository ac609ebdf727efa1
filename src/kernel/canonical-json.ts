/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * The canonical JSON text of a value after RFC 8785 (JCS): members sorted by UTF-16 code units, no white space,
 * ECMAScript number and string forms.
 * @throws TypeError on anything JSON cannot carry faithfully: undefined, functions, holes, class instances,
 * non-finite numbers, lone surrogates
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return canonicalString(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (Array.isArray(value)) return canonicalArray(value)
  if (isPlainObject(value)) return canonicalObject(value)
  throw new TypeError(`canonical JSON has no form for ${typeof value === 'object' ? 'a class instance' : typeof value}`)
}

function canonicalArray(value: readonly unknown[]): string {
  let text = ''
  // Not `map`: it skips holes, and a hole would become no JSON at all.
  for (const member of value) text += `${text === '' ? '' : ','}${canonicalJson(member)}`
  return `[${text}]`
}

function canonicalObject(value: { readonly [name: string]: unknown }): string {
  let text = ''
  for (const name of Object.keys(value).sort()) {
    text += `${text === '' ? '' : ','}${canonicalString(name)}:${canonicalJson(value[name])}`
  }
  return `{${text}}`
}

function isPlainObject(value: unknown): value is { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Characters that JSON writes as they are: no escapes, and nothing that could be half of a surrogate pair. */
const PLAIN = /^[ !#-[\]-~]*$/

function canonicalString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw new TypeError('canonical JSON has no form for a lone surrogate')
  return JSON.stringify(value)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no form for a number that is not finite')
  return JSON.stringify(value)
}
