/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * The canonical JSON text of a value after RFC 8785 (JCS): members sorted by UTF-16 code units, no white space,
 * ECMAScript number and string forms.
 * @throws TypeError on anything JSON cannot carry faithfully: undefined, functions, holes, class instances,
 * non-finite numbers, lone surrogates
 */
export function canonicalJson(value: unknown): string {
  // What the product itself builds lies in order already, and then the engine's own writer gives the very same text.
  return liesInOrder(value) ? JSON.stringify(value) : sortedText(value)
}

/** @throws TypeError where canonicalJson does */
function liesInOrder(value: unknown): boolean {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('canonical JSON has no form for a lone surrogate')
    return true
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no form for a number that is not finite')
    return true
  }
  if (value === null || typeof value === 'boolean') return true
  if (Array.isArray(value)) return membersLieInOrder(value)
  if (isPlainObject(value)) return objectLiesInOrder(value)
  throw new TypeError(`canonical JSON has no form for ${typeof value === 'object' ? 'a class instance' : typeof value}`)
}

function membersLieInOrder(value: readonly unknown[]): boolean {
  let isInOrder = true
  // Not `every`: it skips holes, and stops before all is checked.
  for (const member of value) isInOrder = liesInOrder(member) && isInOrder
  return isInOrder
}

function objectLiesInOrder(value: { readonly [name: string]: unknown }): boolean {
  let isInOrder = true
  let last = ''
  for (const name of Object.keys(value)) {
    if (name < last || !name.isWellFormed()) isInOrder = false
    last = name
    isInOrder = liesInOrder(value[name]) && isInOrder
  }
  return isInOrder
}

/** Of what `liesInOrder` has checked, names apart. */
function sortedText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedText).join(',')}]`
  if (!isPlainObject(value)) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((name) => `${nameText(name)}:${sortedText(value[name])}`)
  return `{${members.join(',')}}`
}

function nameText(name: string): string {
  if (!name.isWellFormed()) throw new TypeError('canonical JSON has no form for a lone surrogate')
  return JSON.stringify(name)
}

function isPlainObject(value: unknown): value is { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
