import type { PolicyInput } from '../input.schema.ts'
import { alternativesOf } from './alternatives.ts'
import { type Fact, factAt, factsOf, type FactValue, type InputPath, withFact } from './input-path.ts'
import { typicalQuestions } from './typical-questions.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Facts that make it another question; there is a typical one for each. */
const fixed = new Set(['schema', 'mode', 'call.id', 'call.action', 'principal.kind'])

/** One fact and the other values that it can take. */
interface Axis {
  readonly path: InputPath
  readonly values: readonly FactValue[]
}

/**
 * Questions at the edges of what changed: typical ones, and those again with one, two, three … of the facts that the
 * changed rules look at on either side of what they compare them with.
 * @param changed what the changes speak of
 * @param all what all rules speak of; its actions are asked about where the changes name none
 * @param most how many questions there may be
 */
export function* boundaryQuestions(changed: Vocabulary, all: Vocabulary, most: number): Generator<PolicyInput> {
  const named = typicalQuestions(changed)
  const seeds = named.length > 0 ? named : typicalQuestions(all)
  const each = Math.floor(most / Math.max(1, seeds.length))
  for (const seed of seeds) yield* first(each, variations(seed, axesOf(seed, changed)))
}

/** The fewest changes first. */
function* variations(seed: PolicyInput, axes: readonly Axis[]): Generator<PolicyInput> {
  for (let size = 0; size <= axes.length; size += 1) yield* changedIn(seed, axes, size)
}

function* changedIn(input: PolicyInput, axes: readonly Axis[], size: number): Generator<PolicyInput> {
  if (size === 0) yield input
  else
    for (const [at, { path, values }] of axes.entries())
      for (const value of values) yield* changedIn(withFact(input, path, value), axes.slice(at + 1), size - 1)
}

function axesOf(seed: PolicyInput, changed: Vocabulary): readonly Axis[] {
  const facts = factsOf(seed).filter(({ path }) => changed.paths.some((mentioned) => isWithin(path, mentioned)))
  const absent = changed.paths.filter((path) => isFree(path) && factAt(seed, path) === undefined)
  return [
    ...facts.filter(({ path }) => !fixed.has(path.join('.'))).map((fact) => axis(seed, fact, changed)),
    ...absent.map((path) => ({ path, values: [...changed.words, ...changed.numbers, true, false] })),
  ].filter(({ values }) => values.length > 0)
}

function axis(seed: PolicyInput, fact: Fact, changed: Vocabulary): Axis {
  return { path: fact.path, values: alternativesOf(seed, fact, changed) }
}

function isWithin(path: InputPath, mentioned: InputPath): boolean {
  return mentioned.every((name, at) => path[at] === name)
}

/** Whatever a tool takes, or a label is called. */
function isFree([top, second, ...rest]: InputPath): boolean {
  return (top === 'arguments' && second !== undefined) || (top === 'resource' && second === 'labels' && rest.length > 0)
}

function* first<T>(count: number, items: Iterable<T>): Generator<T> {
  let left = count
  for (const item of items) {
    if (left <= 0) return
    left -= 1
    yield item
  }
}
