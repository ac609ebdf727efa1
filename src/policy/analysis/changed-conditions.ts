import type { Bundle } from '../bundle.ts'
import { type RegoRule, rulesOf, type Statement } from './rego-rules.ts'
import { type Tunables, tunablesOf } from './tunables.ts'

/** A statement of a rule or of one that it refers to, with the values behind the names in it. */
export interface Condition extends Omit<Statement, 'names'> {
  /** Whether the rule speaks may not depend on it: of several conditions behind a `not`, one that fails is enough. */
  readonly isOpen: boolean
}

/** What has to hold at once for one rule to speak. */
export type Conditions = readonly Condition[]

/** A rule may refer to several rules of one name; so many ways to choose among them are looked at. */
const WAYS_MAX = 16

/**
 * What each rule needs at once that may speak where it did not before, or the other way round: the rules of either bundle
 * which the other has not, which refer to one of those, or which read a tunable that changed.
 */
export function changedConditions(before: Bundle, after: Bundle): readonly Conditions[] {
  const [old, fresh] = [rulesOf(before.files), rulesOf(after.files)]
  const tunables = tunablesOf(before.data, after.data)
  const all = [bookOf(old, fresh, tunables), bookOf(fresh, old, tunables)].flatMap((book) =>
    speakers(book).flatMap((rule) => Array.from({ length: WAYS_MAX }, (_, way) => unfolded(rule, book, way))),
  )
  return distinct(all.map(distinct))
}

function distinct<T>(items: readonly T[]): readonly T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}

/** The rules of one bundle. */
interface Book {
  /** By whole name, those that changed first. */
  readonly named: ReadonlyMap<string, readonly RegoRule[]>
  readonly changed: readonly RegoRule[]
  readonly tunables: Tunables
}

function bookOf(rules: readonly RegoRule[], others: readonly RegoRule[], tunables: Tunables): Book {
  const known = new Set(others.map(({ name, text }) => `${name} ${text}`))
  const isChanged = ({ name, text, statements }: RegoRule) =>
    !known.has(`${name} ${text}`) ||
    statements.some(({ names }) => names.some((each) => tunables.get(each)?.isChanged === true))
  const changed = rules.filter(isChanged)
  const named = new Map<string, RegoRule[]>()
  for (const rule of new Set([...changed, ...rules])) named.set(rule.name, [...(named.get(rule.name) ?? []), rule])
  return { named, changed, tunables }
}

/** The rules that no other refers to, among those that lead to a changed one. */
function speakers({ named, changed }: Book): readonly RegoRule[] {
  const all = [...named.values()].flat()
  const reached = new Set(changed)
  const inner = new Set<RegoRule>()
  for (const rule of reached)
    for (const user of all)
      if (user.name !== rule.name && user.statements.some((one) => referred(one, named).includes(rule.name))) {
        reached.add(user)
        inner.add(rule)
      }
  return [...reached].filter((rule) => !inner.has(rule))
}

/** A member of what a rule gives goes by the name of the rule. */
function referred({ names }: Statement, named: Book['named']): readonly string[] {
  return [...new Set(names.flatMap((name) => [name, name.replace(/\.[^.]*$/, '')]))].filter((name) => named.has(name))
}

function unfolded(rule: RegoRule, book: Book, way: number, within: readonly string[] = []): Conditions {
  const path = [...within, rule.name]
  return rule.statements.flatMap((statement) => {
    const inner = referred(statement, book.named)
      .filter((name) => !path.includes(name))
      .map((name) => unfolded(oneOf(book.named.get(name) ?? [], way), book, way, path))
    const constants = inner.filter((conditions) => conditions.every(({ paths }) => paths.length === 0))
    const needs = inner.filter((conditions) => !constants.includes(conditions)).flat()
    const { names, ...own } = statement
    // What a reason says is compared with nothing.
    const literals =
      own.operator === 'contains' ? [] : [...own.literals, ...constants.flat().flatMap((one) => one.literals)]
    const stated = {
      ...own,
      literals: [...literals, ...names.flatMap((name) => book.tunables.get(name)?.values ?? [])],
      isOpen: false,
    }
    return [
      ...(stated.paths.length > 0 || stated.literals.length > 0 ? [stated] : []),
      ...(own.isNegated ? negated(needs) : needs),
    ]
  })
}

function oneOf(rules: readonly RegoRule[], way: number): RegoRule {
  const rule = rules[way % rules.length]
  if (rule === undefined) throw new Error('a name without a rule')
  return rule
}

function negated(needs: Conditions): Conditions {
  const [only, ...others] = needs.filter(({ paths }) => paths.length > 0)
  if (only !== undefined && others.length === 0) return [{ ...only, isNegated: !only.isNegated }]
  return needs.map((one) => ({ ...one, isOpen: true }))
}
