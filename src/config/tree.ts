/** Settings by section and name, as a file nests them. */
export type Tree = { readonly [name: string]: unknown }

export function valueAt(tree: Tree, path: readonly string[]): unknown {
  const [name, ...rest] = path
  if (name === undefined || !Object.hasOwn(tree, name)) return undefined
  const value = tree[name]
  if (rest.length === 0) return value
  return isTree(value) ? valueAt(value, rest) : undefined
}

/** The tree with one more value; the given one stays as it is. */
export function withValue(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [name, ...rest] = path
  if (name === undefined) return tree
  if (rest.length === 0) return { ...tree, [name]: value }
  const section = tree[name]
  return { ...tree, [name]: withValue(isTree(section) ? section : {}, rest, value) }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
