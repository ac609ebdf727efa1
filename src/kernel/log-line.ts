/** Most values: nothing in them needs a quote or an escape. */
const PLAIN = /^[\w.:/+-]+$/
const NEEDS_QUOTES = /[\s"=\\]|[^\x21-\x7e\u00a1-\uffff]/u
/** Control characters, line and paragraph separators, and marks that reorder text on a terminal. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/**
 * One logfmt line without its newline: the type, then `name=value` for every field that is not null. A value is quoted
 * when it has to be; what could break a line or a terminal is escaped, so that nobody's text can forge a line.
 */
export function logLine(type: string, fields: { readonly [name: string]: string | number | boolean | null }): string {
  let line = type
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null) line += ` ${name}=${logValue(String(value))}`
  }
  return line
}

function logValue(value: string): string {
  if (PLAIN.test(value)) return value
  const escaped = value.replace(/["\\]/gu, '\\$&').replace(UNPRINTABLE, escapeCharacter)
  return value === '' || escaped !== value || NEEDS_QUOTES.test(value) ? `"${escaped}"` : value
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
