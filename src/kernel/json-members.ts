/** A member of parsed JSON by its path; undefined when anything on the way is not there. */
export function memberOf(json: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (hasMembers(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    json,
  )
}

export function textAt(json: unknown, ...path: readonly string[]): string | undefined {
  const value = memberOf(json, ...path)
  return typeof value === 'string' ? value : undefined
}

export function textsAt(json: unknown, ...path: readonly string[]): readonly string[] {
  const value = memberOf(json, ...path)
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

export function listAt(json: unknown, ...path: readonly string[]): readonly unknown[] {
  const value = memberOf(json, ...path)
  return Array.isArray(value) ? value : []
}

function hasMembers(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null
}
