import type { Bundle } from '../bundle.ts'
import type { Condition } from './changed-conditions.ts'
import type { InputPath } from './input-path.ts'
import { rulesOf } from './rego-rules.ts'
import { tunablesOf } from './tunables.ts'

/** What rules speak of: the facts they look at, and the values they compare them with. */
export interface Vocabulary {
  /** Facts, or what holds several of them. */
  readonly paths: readonly InputPath[]
  readonly words: readonly string[]
  readonly numbers: readonly number[]
}

/** What all rules and tunables of a bundle speak of. */
export function vocabularyOf({ files, data }: Pick<Bundle, 'files' | 'data'>): Vocabulary {
  const tunables = [...tunablesOf(data, data).values()].map(({ values }) => ({ paths: [], literals: values }))
  return spoken([...rulesOf(files).flatMap(({ statements }) => statements), ...tunables])
}

/** What conditions speak of. */
export function spoken(conditions: readonly Pick<Condition, 'paths' | 'literals'>[]): Vocabulary {
  const paths = conditions.flatMap((condition) => condition.paths)
  const literals = [...new Set(conditions.flatMap((condition) => condition.literals))]
  return {
    paths: [...new Map(paths.map((path) => [path.join('\n'), path])).values()],
    words: literals.filter((literal) => typeof literal === 'string'),
    numbers: literals.filter((literal) => typeof literal === 'number'),
  }
}

/** Whether a rule looks at the fact, at what holds it, or at what would lie in it. */
export function speaksOf({ paths }: Vocabulary, path: InputPath): boolean {
  return paths.some((mentioned) => mentioned.every((name, at) => at >= path.length || path[at] === name))
}
