import type { InputPath } from './input-path.ts'

/** One condition of a rule, or its head, as far as its text tells: which facts it looks at, and what it compares. */
export interface Statement {
  readonly isNegated: boolean
  /** The first of `==`, `>`, `in`, …; `:=` and `contains` where it says what something is; undefined for a function. */
  readonly operator: string | undefined
  readonly paths: readonly InputPath[]
  readonly literals: readonly (string | number | boolean)[]
  /** Whole names of what it refers to, some without meaning: rules and tunables are among them. */
  readonly names: readonly string[]
}

/** A rule of a module, or one of several of its name. */
export interface RegoRule {
  /** With its package, without `data.`. */
  readonly name: string
  /** Its text without comments and layout. */
  readonly text: string
  readonly statements: readonly Statement[]
}

/** The rules of all modules among the files of a bundle, by their text alone: no `opa` is needed. */
export function rulesOf(files: ReadonlyMap<string, Uint8Array>): readonly RegoRule[] {
  return [...files]
    .filter(([file]) => file.endsWith('.rego'))
    .flatMap(([, bytes]) => rulesIn(Buffer.from(bytes).toString()))
}

const token =
  /#[^\n]*|"(?:[^"\\\n]|\\.)*"|`[^`]*`|\d+(?:\.\d+)?|[a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*|\["[^"\n]+"\])*|[:=!<>]=|\S|\n(?=\S)|\n/g

function rulesIn(source: string): readonly RegoRule[] {
  const tokens = [...source.matchAll(token)].filter(([text]) => !text.startsWith('#'))
  const clauses: string[][] = []
  let depth = 0
  for (const [at, { 0: text, index }] of tokens.entries()) {
    const startsLine = index === 0 || source[index - 1] === '\n'
    if (depth === 0 && startsLine && /^[a-z_]/i.test(text) && text !== 'else') clauses.push([])
    if (/^[{[(]$/.test(text)) depth += 1
    if (/^[}\])]$/.test(text)) depth -= 1
    const isNoise = text === '\n' && tokens[at + 1]?.[0] === '\n'
    if (!isNoise) clauses.at(-1)?.push(text)
  }
  const of = (keyword: string) => clauses.filter(([first]) => first === keyword)
  const home = of('package')[0]?.[1] ?? ''
  const imported = new Map(
    of('import').map(([, path = '', as, alias]) => [
      as === 'as' ? (alias ?? '') : (path.split('.').at(-1) ?? ''),
      path.replace(/^data\./, ''),
    ]),
  )
  const wholeName = (name: string): string => {
    const [first = '', ...rest] = name.split(/[.[]/)
    if (first === 'data') return name.slice('data.'.length)
    const from = imported.get(first)
    return from === undefined ? `${home}.${first}` : [from, ...rest].join('.')
  }
  return clauses
    .map((clause) => clause.filter((text, at) => !(at === 0 && text === 'default')))
    .filter(([first]) => first !== 'package' && first !== 'import')
    .map((clause) => ({
      name: wholeName(clause[0] ?? ''),
      text: clause.filter((text) => text !== '\n').join(' '),
      statements: statementsOf(clause).map((statement) => read(statement, wholeName)),
    }))
}

/** A brace after one of these opens a value, any other a body of conditions. */
const beforeValue = /^(in|:=|=|==|!=|[(,|&[{:-]|contains|return)$/

function statementsOf(clause: readonly string[]): readonly (readonly string[])[] {
  const statements: string[][] = [[]]
  const open: boolean[] = []
  for (const [at, text] of clause.entries()) {
    const isBody = text === '{' && !beforeValue.test(clause[at - 1] ?? '')
    const ends = text === '\n' || text === ';' || text === '}' || text === 'if'
    if (isBody || (ends && (open.at(-1) ?? true))) statements.push([])
    else if (text !== '\n') statements.at(-1)?.push(text)
    if (/^[{[(]$/.test(text)) open.push(isBody)
    if (/^[}\])]$/.test(text)) open.pop()
  }
  return statements.filter((statement) => statement.length > 0)
}

function read(statement: readonly string[], wholeName: (name: string) => string): Statement {
  const tokens = withReadPaths(statement)
  const paths = tokens.filter((text) => /^input[.[]/.test(text)).map(stepsOf)
  const isNegated = tokens[0] === 'not'
  return {
    isNegated,
    operator: tokens.find(
      (text, at) => /^([:=!]=|[<>]=?|in)$/.test(text) || (text === 'contains' && tokens[at + 1] !== '('),
    ),
    paths,
    literals: tokens.filter((text) => /^["`\d]|^(true|false)$/.test(text)).map(literal),
    names: tokens.filter((text) => /^[a-z_]/i.test(text) && !/^input\b/.test(text)).map(wholeName),
  }
}

/** `object.get(input.a, ["b", "c"], "")` says `input.a.b.c`, and what it falls back on is nothing that is compared. */
function withReadPaths(tokens: readonly string[]): readonly string[] {
  const at = tokens.findIndex(
    (text, index) => /^input\b/.test(text) && tokens[index - 2] === 'object.get' && tokens[index + 1] === ',',
  )
  if (at < 0) return tokens
  const end = tokens[at + 2] === '[' ? tokens.indexOf(']', at) : at + 2
  const steps = tokens.slice(at + 2, end + 1).filter((text) => text.startsWith('"'))
  const close = tokens.indexOf(')', end)
  return withReadPaths([
    ...tokens.slice(0, at - 2),
    `${tokens[at] ?? ''}${steps.map((step) => `[${step}]`).join('')}`,
    ...tokens.slice((close < 0 ? end : close) + 1),
  ])
}

function stepsOf(path: string): InputPath {
  return [...path.matchAll(/\.(\w+)|\["([^"]+)"\]/g)].map(([, plain, quoted]) => plain ?? quoted ?? '')
}

function literal(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d/.test(text) ? Number(text) : text.slice(1, -1)
}
