import { packageRoot } from '../policy/package-root.ts'
import { findSources, type SourceFile } from '../policy/sources.ts'
import { parseRego } from '../policy/syntax.ts'
import type { StatedVector } from '../policy/vector-file.ts'
import { readStatedVectors } from '../policy/vectors.ts'

/** What the reference says of one code, from the METADATA of its rule and from the vectors that expect it. */
export interface ShippedCode {
  readonly code: string
  readonly effect: string
  readonly severity: string
  readonly title: string
  readonly explanation: string
  /** Empty for an allowance. */
  readonly remedy: string
  /** A vector that expects the code, so that the example is proven; else what METADATA tells. */
  readonly example: string
  /** The file of the rule. */
  readonly rule: string
}

/** Every code of the shipped rules, in the order of their names. */
export async function shippedCodes(): Promise<readonly ShippedCode[]> {
  const { shipped, vectors } = await findSources([])
  const proven = await examples(vectors)
  const files = await Promise.all(shipped.map(parseRego))
  const codes = files.flatMap((syntax) =>
    (syntax?.rules ?? []).flatMap(({ name, title, description, custom }): ShippedCode[] => {
      const code = text(custom['code'])
      if (code === '') return []
      const [severity, remedy, told] = [text(custom['severity']), text(custom['remedy']), text(custom['example'])]
      const rule = syntax?.file.path.slice(packageRoot.length) ?? ''
      const effect = effects[name] ?? 'deny'
      return [
        {
          code,
          effect,
          severity,
          title,
          explanation: description.trim(),
          remedy,
          example: proven.get(code) ?? told,
          rule,
        },
      ]
    }),
  )
  return codes.toSorted((one, other) => (one.code < other.code ? -1 : 1))
}

const effects: Readonly<Record<string, string>> = { deny: 'deny', require_approval: 'approval', allow: 'allow' }

/** The first vector that expects a code alone, or else the first that expects it among others. */
async function examples(files: readonly SourceFile[]): Promise<ReadonlyMap<string, string>> {
  const read = await Promise.all(files.map(readStatedVectors))
  const stated = read.flatMap((file) => (file.ok ? [...file.value] : []))
  const alone = stated.toSorted((one, other) => one.expect.codes.length - other.expect.codes.length)
  const found = new Map<string, string>()
  for (const vector of alone) {
    for (const code of vector.expect.codes) if (!found.has(code)) found.set(code, exampleText(vector))
  }
  return found
}

function exampleText({ name, principal, action, resource, expect, facts, config }: StatedVector): string {
  const what = resource === 'none' ? '' : ` of \`${resource}\``
  const where = Object.entries({ facts, config }).flatMap(([, given]) =>
    given === undefined ? [] : [`\`${JSON.stringify(given)}\``],
  )
  const given = where.length === 0 ? '' : ` with ${where.join(' and ')}`
  return `${name}: \`${principal}\` asks for \`${action}\`${what}${given}, and the answer is \`${expect.effect}\`.`
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
