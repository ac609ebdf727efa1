import { commandCharactersMax } from './ssh-session.schema.ts'

/** A command as the policy judges it and as the host's shell gets it. */
export interface Command {
  /** The one form under which it is judged, approved, recorded and run. */
  readonly line: string
  readonly argv: readonly string[]
  /** Whether only a shell can say what it does: `argv` is then no more than its look. */
  readonly hasShellSyntax: boolean
}

/** Characters that mean nothing to a POSIX shell (IEEE 1003.1, Shell Command Language, 2.2). */
const PLAIN_WORD = /^[A-Za-z0-9_/.:=@%+,-]+$/u
const SHELL_CHARACTERS = /[|&;<>()$`*?[\]{}~!#\n\r]/u
const WORD = /'([^']*)'|"((?:[^"\\$`!]|\\["\\$`])*)"|\\([^\n])|([^\s'"\\])/uy

/**
 * Reads a command. Words that a shell would take as they stand are put in one canonical form, so that `ls  -l`, `'ls' -l`
 * and `["ls", "-l"]` are the same command; whatever else a shell could read into a text is left to it, and said to be so.
 */
export function parseCommand(sent: string | readonly string[]): Command {
  if (typeof sent !== 'string') return { line: lineOf(sent), argv: sent, hasShellSyntax: false }
  const argv = wordsOf(sent)
  const isPlain = argv !== undefined && argv.length > 0 && !/^[A-Za-z_][A-Za-z0-9_]*\+?=/u.test(argv[0] ?? '')
  if (isPlain) return { line: lineOf(argv), argv, hasShellSyntax: false }
  return { line: sent, argv: sent.split(/\s+/u).filter(Boolean), hasShellSyntax: true }
}

/** A word as a POSIX shell takes it literally. */
export function quoted(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

function lineOf(argv: readonly string[]): string {
  const [program = '', ...rest] = argv
  // A first word with `=` would be an assignment.
  return [
    program.includes('=') ? `'${program.replaceAll("'", String.raw`'\''`)}'` : quoted(program),
    ...rest.map(quoted),
  ].join(' ')
}

/** @returns the words of a text in which nothing but quotes and backslashes is special; undefined for any other */
function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < text.length; ) {
    if (/[ \t]/u.test(text[at] ?? '')) {
      if (word !== undefined) words.push(word)
      word = undefined
      at += 1
      continue
    }
    WORD.lastIndex = at
    const [whole, single, double, escaped, plain] = WORD.exec(text) ?? []
    if (whole === undefined || (plain !== undefined && SHELL_CHARACTERS.test(plain))) return undefined
    word = (word ?? '') + (single ?? double?.replace(/\\(["\\$`])/gu, '$1') ?? escaped ?? plain ?? '')
    at = WORD.lastIndex
  }
  return word === undefined ? words : [...words, word]
}

/** @returns why a text cannot be a command; undefined when it can */
export function commandCharactersUnfit(text: string): string | undefined {
  if (text.trim() === '') return 'the command is empty'
  if (text.includes('\u0000') || !text.isWellFormed()) return 'the command holds a NUL character or is no UTF-8'
  return text.length > commandCharactersMax
    ? `the command is longer than ${commandCharactersMax} characters`
    : undefined
}
