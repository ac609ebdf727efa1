/** A member of parsed JSON by its path; undefined when anything on the way is not there. */
export function memberOf(json: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as { readonly [name: string]: unknown })[name]
        : undefined,
    json,
  )
}
