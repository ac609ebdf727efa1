/** Bounds of one value that crosses the border to or from the policy. */
export interface ValueBounds {
  /** Objects and arrays within each other. */
  readonly depthMax: number
  /** UTF-16 code units of all texts and names, plus one for every value. */
  readonly sizeMax: number
}

/**
 * Says why a value is not what JSON carries faithfully, or beyond its bounds: another prototype than a plain object's,
 * a lone surrogate (which traps the WASM parser), a number that is not finite, undefined, a function.
 * @returns the reason, without any of the value; or undefined when the value is fit
 */
export function unfitForPolicy(value: unknown, { depthMax, sizeMax }: ValueBounds): string | undefined {
  let size = 0
  return walk(value, 0)

  function walk(at: unknown, depth: number): string | undefined {
    size += 1
    if (typeof at === 'string') return text(at)
    if (typeof at === 'boolean' || at === null) return undefined
    if (typeof at === 'number') return Number.isFinite(at) ? undefined : 'a number is not finite'
    if (typeof at !== 'object') return `a value is of type ${typeof at}`
    if (depth >= depthMax) return `nested deeper than ${depthMax} levels`
    return Array.isArray(at) ? list(at, depth) : members(at, depth)
  }

  function text(at: string): string | undefined {
    size += at.length
    if (size > sizeMax) return `larger than ${sizeMax} characters`
    return at.isWellFormed() ? undefined : 'a text holds a lone surrogate'
  }

  function list(at: readonly unknown[], depth: number): string | undefined {
    if (size + at.length > sizeMax) return `larger than ${sizeMax} characters`
    for (const item of at) {
      const reason = walk(item, depth + 1)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  function members(at: object, depth: number): string | undefined {
    if (!isPlain(at)) return 'an object is not plain'
    for (const name of Object.keys(at)) {
      const reason = text(name) ?? walk(at[name], depth + 1)
      if (reason !== undefined) return reason
    }
    return undefined
  }
}

function isPlain(value: object): value is { readonly [name: string]: unknown } {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
