import type { PolicyInput } from '../input.schema.ts'
import { alternativesOf, isPossible } from './alternatives.ts'
import type { Conditions } from './changed-conditions.ts'
import { factAt, factsOf, type FactValue, type InputPath, isSame, withFact } from './input-path.ts'
import { satisfying } from './satisfying.ts'
import { typicalQuestions } from './typical-questions.ts'
import { spoken, type Vocabulary } from './vocabulary.ts'

/** Facts that make it another question; there is a typical one for each. */
const fixed = new Set(['schema', 'call.id', 'call.action', 'principal.kind'])

/** One fact and the other values that it can take. */
interface Axis {
  readonly path: InputPath
  /** With the first ones, what the rule needs is met. */
  readonly values: readonly FactValue[]
}

export interface Question {
  readonly input: PolicyInput
  /** Its JSON. */
  readonly text: string
}

export interface BoundaryOptions {
  /** What each rule needs that may speak otherwise from now on. */
  readonly changed: readonly Conditions[]
  /** What all rules speak of: its actions are asked about where a rule names none. */
  readonly all: Vocabulary
  /** Tells questions apart that the policies answer differently. */
  readonly answer: (input: PolicyInput) => string
  /** How many questions there may be. */
  readonly most: number
}

/**
 * Questions at the edges of what changed: typical ones, and typical ones with everything that a changed rule needs at once;
 * then both again with one, two, three … of the facts that the rule looks at on either side of what it compares them with.
 */
export function* boundaryQuestions({ changed, all, answer, most }: BoundaryOptions): Generator<Question> {
  const typical = typicalQuestions(all)
  const answerTo = remembered((seed) => [seed.call.action, seed.principal.kind, seed.resource.environment], answer)
  const edges = changed.flatMap((conditions) => {
    // Their facts are the same, but for the environment.
    const axesFor = remembered(
      ({ principal, resource }) => [principal.kind, resource.type],
      (seed) => axesOf(seed, conditions),
    )
    const deeply = (seed: PolicyInput) => around(seed, axesFor(seed))
    const seeds = typical.filter(aboutOf(conditions))
    if (literalsOn('call.action', conditions).length > 0) return seeds.map(deeply)
    const different = new Map(seeds.map((seed) => [answerTo(seed), seed])).values()
    return [seeds.map((seed) => met(seed, axesFor(seed))), ...[...different].map(deeply)]
  })
  const asked = new Set<string>()
  let made = 0
  for (const input of inTurns([typical, ...edges])) {
    made += 1
    if (asked.size >= most || made > most * TRIES_PER_QUESTION) return
    const text = JSON.stringify(input)
    if (asked.has(text)) continue
    asked.add(text)
    yield { input, text }
  }
}

/** Several rules lead to the same questions; which are left then is too few to look for. */
const TRIES_PER_QUESTION = 3

/** What was found for a typical question, for all of the same name. */
function remembered<T>(
  nameOf: (seed: PolicyInput) => readonly string[],
  find: (seed: PolicyInput) => T,
): (seed: PolicyInput) => T {
  const known = new Map<string, T>()
  return (seed) => {
    const name = nameOf(seed).join(' ')
    const found = known.get(name) ?? find(seed)
    known.set(name, found)
    return found
  }
}

/** Which typical questions a rule is about. Where it names no action and no kind of caller, it is about all. */
function aboutOf(conditions: Conditions): (seed: PolicyInput) => boolean {
  const actions = literalsOn('call.action', conditions)
  const kinds = literalsOn('principal.kind', conditions)
  const looksAtEnvironment = conditions.some(({ paths }) =>
    paths.some((path) => path.join('.') === 'resource.environment'),
  )
  return ({ call, principal, resource }) =>
    (actions.length === 0 || actions.some((name) => call.action.startsWith(name.replace('*', '')))) &&
    (kinds.length === 0 || kinds.includes(principal.kind)) &&
    // It is one of the facts that are changed then.
    (!looksAtEnvironment || resource.environment === 'development')
}

function literalsOn(path: string, conditions: Conditions): readonly string[] {
  return conditions
    .filter(({ isOpen, isNegated, operator }) => !isOpen && !isNegated && operator !== '!=' && operator !== ':=')
    .filter(({ paths }) => paths.some((each) => each.join('.') === path))
    .flatMap(({ literals }) => literals.filter((literal) => typeof literal === 'string'))
    .filter((literal) => path !== 'call.action' || /^[a-z_]+\./.test(literal))
}

/** So many facts of a typical question are changed; what all changes lead to is reached from the satisfied one too. */
const CHANGES_OF_TYPICAL_MAX = 2

/** The fewest changes first. */
function* around(seed: PolicyInput, axes: readonly Axis[]): Generator<PolicyInput> {
  const satisfied = met(seed, axes)
  for (let size = 0; size <= axes.length; size += 1) {
    yield* changedIn(satisfied, axes, size)
    if (size <= CHANGES_OF_TYPICAL_MAX) yield* changedIn(seed, axes, size)
  }
}

function met(seed: PolicyInput, axes: readonly Axis[]): PolicyInput {
  return axes.reduce(
    (input, { path, values: [needed] }) => (needed === undefined ? input : withFact(input, path, needed)),
    seed,
  )
}

function* changedIn(input: PolicyInput, axes: readonly Axis[], size: number): Generator<PolicyInput> {
  if (size === 0) {
    yield input
    return
  }
  for (const [at, { path, values }] of axes.entries()) {
    const others = values.filter((value) => !isSame(value, factAt(input, path)))
    for (const other of others) yield* changedIn(withFact(input, path, other), axes.slice(at + 1), size - 1)
  }
}

function axesOf(seed: PolicyInput, conditions: Conditions): readonly Axis[] {
  const words = spoken(conditions)
  const present = factsOf(seed).filter(({ path }) => words.paths.some((mentioned) => isWithin(path, mentioned)))
  const absent = words.paths.filter((path) => isFree(path) && factAt(seed, path) === undefined)
  return [
    ...present.map(({ path, value }) => ({ path, values: [value, ...alternativesOf(seed, { path, value }, words)] })),
    ...absent.map((path) => ({ path, values: [...words.words, ...words.numbers, true, false] })),
  ]
    .filter(({ path }) => !fixed.has(path.join('.')))
    .map(({ path, values }) => {
      const about = conditions.filter((condition) => condition.paths.some((each) => each.join('.') === path.join('.')))
      const needed = about
        .flatMap((condition) => satisfying(condition, seed, path, values))
        .filter((value) => isPossible(path, value))
      return { path, values: distinct([...needed, ...values]) }
    })
}

function distinct(values: readonly FactValue[]): readonly FactValue[] {
  return values.filter((value, at) => values.findIndex((other) => isSame(value, other)) === at)
}

function isWithin(path: InputPath, mentioned: InputPath): boolean {
  return mentioned.every((name, at) => path[at] === name)
}

/** Whatever a tool takes, or a label is called. */
function isFree([top, second, ...rest]: InputPath): boolean {
  return (top === 'arguments' && second !== undefined) || (top === 'resource' && second === 'labels' && rest.length > 0)
}

/** One of each, then another of each, until all are through. */
function* inTurns<T>(sources: readonly Iterable<T>[]): Generator<T> {
  let open = sources.map((source) => source[Symbol.iterator]())
  while (open.length > 0) {
    const rest: Iterator<T>[] = []
    for (const source of open) {
      const { done, value } = source.next()
      if (done === true) continue
      yield value
      rest.push(source)
    }
    open = rest
  }
}
