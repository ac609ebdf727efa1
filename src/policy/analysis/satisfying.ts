import type { PolicyInput } from '../input.schema.ts'
import type { Condition } from './changed-conditions.ts'
import { factAt, type FactValue, type InputPath } from './input-path.ts'

/**
 * Values of a fact with which a condition would hold, as far as its text tells, the likeliest first; none where it does
 * not compare the fact with anything.
 * @param path of the fact, of which the condition speaks
 * @param alternatives other values that the fact could have
 */
export function satisfying(
  { isOpen, isNegated, operator, literals, paths }: Condition,
  input: PolicyInput,
  path: InputPath,
  alternatives: readonly FactValue[],
): readonly FactValue[] {
  if (isOpen || operator === ':=' || operator === 'contains') return []
  const value = factAt(input, path)
  const others = paths.filter((other) => other.join('.') !== path.join('.')).map((other) => factAt(input, other))
  const compared = [...literals, ...others.filter((other) => other !== undefined)]
  const isUnlike = isNegated !== (operator === '!=')
  const [words, bounds] = [compared.filter((one) => typeof one === 'string'), numbersIn(compared)]
  if (typeof value === 'boolean') return [compared.includes(false) ? isUnlike : !isUnlike]
  if (typeof value === 'number') return bounds.map((bound) => beside(bound, operator, isUnlike))
  if (Array.isArray(value))
    return bounds.length > 0
      ? bounds.map((bound) => sized(value, beside(bound, operator, isUnlike)))
      : [isUnlike ? value.filter((item) => !words.includes(item)) : [...new Set([...value, ...words])]]
  if (isUnlike)
    return value === undefined ? [] : [value, ...alternatives].filter((one) => one !== '' && !compared.includes(one))
  return value === undefined ? [...literals.map(plain), true] : words.map(plain)
}

/** Where a bound is met, or just not. */
function beside(bound: number, operator: string | undefined, isUnlike: boolean): number {
  if (operator === '>' || operator === '<=') return bound + Number((operator === '>') !== isUnlike)
  if (operator === '<' || operator === '>=') return bound - Number((operator === '<') !== isUnlike)
  return bound + Number(isUnlike)
}

function sized(items: readonly unknown[], size: number): readonly unknown[] {
  const more = Array.from({ length: Math.max(0, size - items.length) }, (_, at) => `x${at}`)
  return [...items, ...more].slice(0, Math.max(0, size))
}

/** A glob or a regular expression without what only steers it is often a text that fits it. */
function plain<T>(literal: T): T | string {
  return typeof literal === 'string' ? literal.replaceAll(/[*^$\\]|\.[*+]/g, '') : literal
}

function numbersIn(values: readonly unknown[]): readonly number[] {
  return values.filter((value) => typeof value === 'number')
}
