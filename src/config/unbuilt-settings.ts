/** Settings that are known before their part is built: one line per part, taken out with the work that builds it. */
const unbuilt: readonly { readonly part: string; readonly instead: string }[] = [
  { part: 'bastion', instead: 'no SSH bastion is started' },
  { part: 'acme.issuers', instead: 'no certificates are requested' },
  { part: 'acme.http01', instead: 'no http-01 challenges are answered' },
  { part: 'acme.dns01', instead: 'no dns-01 challenges are answered' },
]

/** Settings of one part that do nothing, and what happens instead. */
export interface UnbuiltSettings {
  readonly settings: readonly string[]
  readonly instead: string
}

/**
 * What an operator set that this version does not use.
 * @param origins by key, from where a setting came: `default` when nobody set it
 */
export function unbuiltSettings(origins: ReadonlyMap<string, string>): readonly UnbuiltSettings[] {
  const set = [...origins].filter(([, origin]) => origin !== 'default').map(([key]) => key)
  return unbuilt
    .map(({ part, instead }) => ({ settings: set.filter((key) => `${key}.`.startsWith(`${part}.`)), instead }))
    .filter(({ settings }) => settings.length > 0)
}
