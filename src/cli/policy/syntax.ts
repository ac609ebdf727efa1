import { runOpa } from './run-opa.ts'
import type { SourceFile } from './sources.ts'

/** What the shape checks need to know of one Rego file. */
export interface Syntax {
  readonly file: SourceFile
  /** The package's path without `data`. */
  readonly package: readonly string[]
  readonly packageLine: number
  /** Whether METADATA with a title stands above the package. */
  readonly packageTitled: boolean
  readonly rules: readonly RuleSyntax[]
}

export interface RuleSyntax {
  readonly name: string
  readonly line: number
  /** `name contains member`: the only shape that several files may add to. */
  readonly isSet: boolean
  /** Title of the METADATA, `""` when there is none. */
  readonly title: string
  /** Description of the METADATA, `""` when there is none. */
  readonly description: string
  readonly custom: Readonly<Record<string, unknown>>
  /** Every text that the rule gives as `"code": "…"`. */
  readonly codes: readonly string[]
}

/** @returns the syntax of a file, or undefined when it cannot be parsed (the compiler says why) */
export async function parseRego(file: SourceFile): Promise<Syntax | undefined> {
  const arguments_ = ['parse', '--format', 'json', '--json-include', 'locations', file.path]
  const { exitCode, stdout } = await runOpa(arguments_, { cwd: process.cwd() })
  if (exitCode !== 0) return undefined
  const { package: declared, annotations = [], rules = [] }: Parsed = JSON.parse(stdout)
  return {
    file,
    package: declared.path.slice(1).map(({ value }) => value),
    packageLine: declared.location.row,
    packageTitled: annotations.some(
      ({ scope, title = '' }) => scope !== 'rule' && scope !== 'document' && title !== '',
    ),
    rules: rules.filter(({ default: isDefault }) => isDefault !== true).map(ruleSyntax),
  }
}

/** The part of `opa parse --format json` that is read here. */
interface Parsed {
  readonly package: {
    readonly location: { readonly row: number }
    readonly path: readonly { readonly value: string }[]
  }
  readonly annotations?: readonly Annotation[]
  readonly rules?: readonly ParsedRule[]
}

interface Annotation {
  readonly scope: string
  readonly title?: string
  readonly description?: string
  readonly custom?: Readonly<Record<string, unknown>>
}

interface ParsedRule {
  readonly default?: boolean
  readonly annotations?: readonly Annotation[]
  readonly location: { readonly row: number }
  readonly head: {
    readonly name?: string
    readonly key?: unknown
    readonly value?: unknown
    readonly ref?: readonly { readonly value: string }[]
  }
}

function ruleSyntax(rule: ParsedRule): RuleSyntax {
  const { head, location, annotations = [] } = rule
  const own = annotations.find(({ scope }) => scope === 'rule' || scope === 'document')
  return {
    name: head.ref?.[0]?.value ?? head.name ?? '',
    line: location.row,
    isSet: head.key !== undefined && head.value === undefined,
    title: own?.title ?? '',
    description: own?.description ?? '',
    custom: own?.custom ?? {},
    codes: literalCodes(rule),
  }
}

/** An object in the syntax tree is a list of pairs of terms. */
function literalCodes(node: unknown): string[] {
  if (Array.isArray(node)) {
    const [key, value]: unknown[] = node
    const code = node.length === 2 && textOf(key) === 'code' ? textOf(value) : undefined
    return code === undefined ? node.flatMap(literalCodes) : [code]
  }
  return typeof node === 'object' && node !== null ? Object.values(node).flatMap(literalCodes) : []
}

function textOf(term: unknown): string | undefined {
  if (typeof term !== 'object' || term === null || !('type' in term) || !('value' in term)) return undefined
  return term.type === 'string' && typeof term.value === 'string' ? term.value : undefined
}
