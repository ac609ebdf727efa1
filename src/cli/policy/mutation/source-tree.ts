import { runOpa } from '../run-opa.ts'

/** A node of `opa parse`: a term, an expression, a rule or a list of them. */
export type Node = { readonly [member: string]: unknown }

/** The text of a node, found in its source. */
export interface Place {
  readonly offset: number
  readonly line: number
  readonly text: string
}

/** @returns every node of a Rego file below its rules, or nothing where it does not parse */
export async function parseTree(path: string): Promise<readonly Node[]> {
  const { exitCode, stdout } = await runOpa(['parse', '--format', 'json', '--json-include', 'locations', path], {
    cwd: process.cwd(),
  })
  if (exitCode !== 0) return []
  const parsed: unknown = JSON.parse(stdout)
  return isNode(parsed) ? nodesIn(parsed['rules']) : []
}

/** Where a node stands; undefined where the parser's location and the source differ (a column within parentheses). */
export function placeOf(node: Node, source: string): Place | undefined {
  const { location } = node
  if (!isNode(location)) return undefined
  const { row, col, text } = location
  if (typeof row !== 'number' || typeof col !== 'number' || typeof text !== 'string') return undefined
  const place = { offset: offsetOf(source, row) + col - 1, line: row, text: Buffer.from(text, 'base64').toString() }
  return source.startsWith(place.text, place.offset) ? place : undefined
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function nodesOf(value: unknown): readonly Node[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

function nodesIn(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  if (!isNode(value)) return []
  const members = Object.entries(value).filter(([name]) => name !== 'annotations' && name !== 'location')
  return [value, ...members.flatMap(([, member]) => nodesIn(member))]
}

function offsetOf(source: string, row: number): number {
  return source
    .split('\n')
    .slice(0, row - 1)
    .reduce((sum, line) => sum + line.length + 1, 0)
}
