import { isObject, type Json } from './api.ts'

const CELL_CHARACTERS = 60
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Rows as a table for people. What others wrote cannot break a line or steer the terminal. */
export function table(columns: readonly string[], rows: readonly Json[]): string {
  const cells = [columns.map(title), ...rows.map((row) => columns.map((column) => cut(cell(row[column]))))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => width(row[index] ?? ''))))
  const line = (row: readonly string[]) =>
    row
      .map((text, index) => text + ' '.repeat((widths[index] ?? 0) - width(text)))
      .join('  ')
      .trimEnd()
  return `${cells.map(line).join('\n')}\n`
}

/** One object for people: a line per member. */
export function sheet(object: Json): string {
  const names = Object.keys(object)
  const longest = Math.max(0, ...names.map((name) => name.length))
  return names.map((name) => `${name.padEnd(longest)}  ${cell(object[name])}\n`).join('')
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ')
  if (isObject(value)) return plain(JSON.stringify(value))
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}

function plain(text: string): string {
  return text.replace(CONTROL, (character) => (character === '\n' ? '\\n' : '�'))
}

function cut(text: string): string {
  const characters = Array.from(text)
  return characters.length > CELL_CHARACTERS ? `${characters.slice(0, CELL_CHARACTERS - 1).join('')}…` : text
}

/** `lastUsedAt` → `LAST USED AT`. */
function title(column: string): string {
  return column.replace(/[A-Z]/gu, ' $&').toUpperCase()
}

function width(text: string): number {
  return Array.from(text).length
}
