import { isNode, type Node, nodesOf, type Place, placeOf } from './source-tree.ts'

/** One change of one place of a file. */
export interface Mutation {
  readonly line: number
  /** What is changed, and into what: short enough to be read in a list. */
  readonly change: string
  /** The line as it is, without its indentation. */
  readonly source: string
  /** The whole file, changed. */
  readonly mutant: string
}

/**
 * Every mutation of a file: comparisons, operators and constants changed, negations added and removed, members of sets,
 * lists and objects dropped, conditions dropped, rules that never hold, `every` weakened to any.
 */
export function mutationsOf(source: string, tree: readonly Node[]): readonly Mutation[] {
  const keys = new Set(tree.flatMap(keysOf))
  const found = tree.flatMap((node) => {
    const place = placeOf(node, source)
    if (place === undefined) return []
    return [
      ...ofTerm(node, place, keys),
      ...ofMembers(node, place, source),
      ...ofExpression(node, place),
      ...ofRule(node, source),
    ]
  })
  const unique = new Map<string, Mutation>()
  for (const edit of found) {
    const { offset, text } = edit.at
    const mutant = source.slice(0, offset) + edit.text + source.slice(offset + text.length)
    const line = edit.line ?? edit.at.line
    unique.set(mutant, { line, change: edit.change, source: source.split('\n')[line - 1]?.trim() ?? '', mutant })
  }
  return [...unique.values()]
}

interface Edit {
  readonly at: Place
  /** Where a reader looks, if not where the replaced text begins. */
  readonly line?: number
  readonly text: string
  readonly change: string
}

function replaced(at: Place, text: string): Edit {
  return { at, text, change: `${short(at.text)} → ${short(text)}` }
}

const SHOWN_CHARACTERS_MAX = 60

function short(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ')
  return line.length > SHOWN_CHARACTERS_MAX ? `${line.slice(0, SHOWN_CHARACTERS_MAX)}…` : line
}

const operators: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>'],
  '<=': ['<', '>'],
  '>': ['>=', '<'],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '|': ['&'],
  '&': ['|'],
  '+': ['-'],
  '-': ['+', '|'],
  '*': ['+'],
}

/** Keys of objects are not changed but dropped with their value. */
function ofTerm(node: Node, at: Place, keys: ReadonlySet<unknown>): Edit[] {
  const { type, value } = node
  if (keys.has(node)) return []
  if (type === 'ref') return (operators[at.text] ?? []).map((text) => replaced(at, text))
  if (type === 'number' && /^-?\d+(\.\d+)?$/u.test(at.text)) return [replaced(at, String(Number(at.text) + 1))]
  if (type === 'boolean' && at.text === String(value)) return [replaced(at, String(at.text !== 'true'))]
  if (type === 'string' && at.text.startsWith('"')) return [replaced(at, `"${at.text.slice(1, -1)}~"`)]
  return []
}

function keysOf({ type, value }: Node): readonly unknown[] {
  return type === 'object' && Array.isArray(value)
    ? value.map((pair: unknown) => (Array.isArray(pair) ? pair[0] : pair))
    : []
}

const brackets: Readonly<Record<string, readonly [string, string, string]>> = {
  set: ['{', '}', 'set()'],
  array: ['[', ']', '[]'],
  object: ['{', '}', '{}'],
}

function ofMembers({ type, value }: Node, at: Place, source: string): Edit[] {
  const [open, close, empty] = brackets[String(type)] ?? []
  if (open === undefined || empty === undefined || !Array.isArray(value)) return []
  const members = value.map((member: unknown) => memberText(member, source))
  const texts = members.filter((member) => member !== undefined)
  if (texts.length !== value.length) return []
  return texts.map(({ text, line }, index) => {
    const rest = texts.filter((_, other) => other !== index).map((other) => other.text)
    const fewer = rest.length === 0 ? empty : `${open}${rest.join(', ')}${close}`
    return { at, line, text: fewer, change: `without ${short(text)}` }
  })
}

function memberText(member: unknown, source: string): Place | undefined {
  if (isNode(member)) return placeOf(member, source)
  const [key, value] = nodesOf(member).map((node) => placeOf(node, source))
  if (key === undefined || value === undefined) return undefined
  return { ...key, text: source.slice(key.offset, value.offset + value.text.length) }
}

function ofExpression(node: Node, at: Place): Edit[] {
  const { terms, negated, generated } = node
  if (!('index' in node) || generated === true) return []
  if (isNode(terms) && 'domain' in terms)
    return [{ at, text: 'true', change: `without ${short(at.text)}` }, ...ofEvery(terms, at)]
  if ((isNode(terms) && 'symbols' in terms) || operatorOf(terms) === 'assign') return []
  const dropped = { at, text: 'true', change: `without ${short(at.text)}` }
  if (negated === true) return [dropped, replaced(at, at.text.replace(/^not\s+/u, ''))]
  return operatorOf(terms) in comparisons ? [dropped] : [dropped, replaced(at, `not ${at.text}`)]
}

/** Comparisons are turned round by their operator. */
const comparisons: Readonly<Record<string, true>> = { equal: true, neq: true, lt: true, lte: true, gt: true, gte: true }

function operatorOf(terms: unknown): string {
  const [operator] = nodesOf(terms)
  const [name] = nodesOf(operator?.['value'])
  return typeof name?.['value'] === 'string' ? name['value'] : ''
}

function ofEvery({ body }: Node, at: Place): Edit[] {
  const head = /^every (.+?) \{/u.exec(at.text)?.[1]
  const inner = at.text.slice(at.text.indexOf('{') + 1, at.text.lastIndexOf('}'))
  if (head === undefined || nodesOf(body).length !== 1) return []
  return [{ at, text: `count([1 | some ${head}; ${inner.trim()}]) > 0`, change: `every ${short(head)} → some` }]
}

/** A rule whose first condition is false never holds. */
function ofRule(node: Node, source: string): Edit[] {
  const [first] = nodesOf(node['body'])
  if (!('head' in node) || first === undefined || first['generated'] === true) return []
  const at = placeOf(first, source)
  if (at === undefined) return []
  const braced = source.slice(0, at.offset).trimEnd().endsWith('{')
  return [{ at, text: braced ? `false; ${at.text}` : `{ false; ${at.text} }`, change: 'the rule never holds' }]
}
