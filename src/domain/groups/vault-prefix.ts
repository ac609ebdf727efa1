/**
 * Whether a path lies under one of the prefixes, by whole segments: `teams/edge` covers `teams/edge` and `teams/edge/db`,
 * but not `teams/edge-2`; `teams/edge/` covers only what lies below it.
 */
export function isUnderPrefix(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) =>
    prefix.endsWith('/') ? isBelow(path, prefix) : path === prefix || isBelow(path, `${prefix}/`),
  )
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder) && path.length > folder.length
}
