/** Bounds of everything a caller sends. Each is tested at the limit and one past it. */
export const bounds = {
  argumentDepthMax: 16,
  argumentStringBytesMax: 65_536,
  argumentMembersMax: 256,
} as const

const CONTROL_EXCEPT_NEWLINE_TAB = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/gu

/** Text of an agent as it is stored and shown: well-formed, without control characters except newline and tab. */
export function plainText(text: string): string {
  return text.toWellFormed().replace(CONTROL_EXCEPT_NEWLINE_TAB, '')
}

/** As `plainText`, and cut to so many UTF-16 units; a character that the cut would halve is left out. */
export function shortText(text: string, unitsMax: number): string {
  const plain = plainText(text)
  return plain.length <= unitsMax ? plain : plain.slice(0, unitsMax).replace(/[\ud800-\udbff]$/, '')
}

/**
 * Says why a parsed JSON value is not fit to be looked at further: a lone surrogate, NUL, or a bound exceeded.
 * @returns the reason, without any of the value; or undefined when the value is fit
 */
export function unfitness(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') return unfitString(value)
  if (typeof value !== 'object' || value === null) return undefined
  if (depth >= bounds.argumentDepthMax) return `nested deeper than ${bounds.argumentDepthMax} levels`
  const entries = Object.entries(value)
  if (entries.length > bounds.argumentMembersMax) return `more than ${bounds.argumentMembersMax} members in one place`
  for (const [name, member] of entries) {
    const reason = unfitString(name) ?? unfitness(member, depth + 1)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Whether a parsed JSON value is nested deeper than so many levels. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1))
}

function unfitString(text: string): string | undefined {
  if (!text.isWellFormed()) return 'a string holds a lone surrogate'
  if (text.includes('\u0000')) return 'a string holds a NUL character'
  if (Buffer.byteLength(text) > bounds.argumentStringBytesMax)
    return `a string is longer than ${bounds.argumentStringBytesMax} bytes`
  return undefined
}
