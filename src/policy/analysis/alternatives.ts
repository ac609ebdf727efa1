import { scopes } from '../../kernel/vocabulary.ts'
import { inputStringMax, type PolicyInput, policyInputSchema } from '../input.schema.ts'
import { type Fact, factsOf, type FactValue, type InputPath } from './input-path.ts'
import type { Vocabulary } from './vocabulary.ts'

/** So many texts are tried in one place. */
const WORDS_MAX = 40

/**
 * Other values that a fact could have, and that some rule could tell from its present one: what the schema lists, what
 * rules compare with, and the names that stand in the input already.
 */
export function alternativesOf(input: PolicyInput, { path, value }: Fact, words: Vocabulary): readonly FactValue[] {
  const different = (each: FactValue) => JSON.stringify(each) !== JSON.stringify(value)
  return candidates(input, path, value, words).filter(different)
}

function candidates(input: PolicyInput, path: InputPath, value: FactValue, words: Vocabulary): readonly FactValue[] {
  const schema = schemaAt(path)
  if (schema.enum !== undefined) return schema.enum
  if (typeof value === 'boolean') return [!value]
  if (typeof value === 'number') {
    const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
    const near = [0, ...words.numbers.flatMap((number) => [number - 1, number, number + 1])]
    return [...new Set(near)].filter((number) => number >= minimum && number <= maximum)
  }
  if (typeof value === 'string') return ['', ...wordsFor(path, words)]
  const items = value.filter((item) => typeof item === 'string')
  const others = namesFor(input, path, words).filter((name) => !items.includes(name))
  return [
    ...(items.length > 1 ? items.map((item) => items.filter((other) => other !== item)) : []),
    ...others.map((name) => [...items, name].sort()),
    [],
  ]
}

/** Actions have a dot, scopes a colon, and what else rules write fits anywhere else. */
function wordsFor(path: InputPath, { words }: Vocabulary): readonly string[] {
  const isAction = path.join('.') === 'call.action'
  return words.filter((word) => fits(word) && /^[a-z_]+\.[a-z_]+$/.test(word) === isAction).slice(0, WORDS_MAX)
}

function namesFor(input: PolicyInput, path: InputPath, words: Vocabulary): readonly string[] {
  const last = path.at(-1)
  if (last === 'scopes') return scopes
  const inInput = factsOf(input)
    .filter((fact) => fact.path.at(-1) === last || (last === 'probeTargets' && fact.path.at(-1) === 'host'))
    .flatMap((fact) => fact.value)
    .filter((item) => typeof item === 'string' && item !== '')
  return [...new Set([...inInput.map(String), ...wordsFor(path, words)])]
}

function fits(word: string): boolean {
  return word !== '' && word.length <= inputStringMax && word.isWellFormed() && !word.includes(':')
}

/** Whether an input may have that value there. */
export function isPossible(path: InputPath, value: FactValue): boolean {
  const { enum: listed, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schemaAt(path)
  if (typeof value === 'number') return value >= minimum && value <= maximum
  return typeof value !== 'string' || (value.length <= inputStringMax && (listed?.includes(value) ?? true))
}

interface Schema {
  readonly description?: string
  readonly type?: string
  readonly enum?: readonly (string | number)[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: { readonly [name: string]: Schema }
}

/** What the schema says of a fact; nothing of what lies in arguments and labels. */
function schemaAt(path: InputPath): Schema {
  const top: Schema = policyInputSchema
  return path.reduce<Schema>((at, name) => at.properties?.[name] ?? {}, top)
}
