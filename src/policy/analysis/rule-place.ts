/** Where a reason is written: a file of the bundle, and the line on which its rule begins. */
export interface RulePlace {
  readonly file: string
  readonly line: number
}

/**
 * Finds the rule that contributed a reason, by the code in its METADATA, or else by the code as it stands in the rule.
 * @param rule the package, without `data.`
 * @returns null when no source of the bundle says so
 */
export function placeOf(
  files: ReadonlyMap<string, Uint8Array>,
  { rule, code }: { readonly rule: string; readonly code: string },
): RulePlace | null {
  for (const [file, bytes] of files) {
    if (!file.endsWith('.rego')) continue
    const lines = Buffer.from(bytes).toString().split('\n')
    if (!lines.includes(`package ${rule}`)) continue
    const stated = lines.findIndex((text) => text.trimEnd() === `#   code: ${code}`)
    const begins = stated < 0 ? -1 : lines.findIndex((text, at) => at > stated && !text.startsWith('#'))
    const line = begins < 0 ? lines.findIndex((text) => !text.startsWith('#') && text.includes(`"${code}"`)) : begins
    if (line >= 0) return { file, line: line + 1 }
  }
  return null
}
