import type { PolicyInput } from '../input.schema.ts'

/** Where a fact stands in an input: its names from the top, as Rego writes them after `input`. */
export type InputPath = readonly string[]

/** A single value, or a list as a whole: what a rule compares. */
export type FactValue = string | number | boolean | readonly unknown[]

export interface Fact {
  readonly path: InputPath
  readonly value: FactValue
}

/** `input.principal.riskLevel`, as Rego has it. */
export function pathText(path: InputPath): string {
  return path.reduce(
    (text, name) => `${text}${/^[a-zA-Z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`}`,
    'input',
  )
}

/** Every fact of an input, in its own order. */
export function factsOf(input: PolicyInput): readonly Fact[] {
  return leaves(input, [])
}

function leaves(at: unknown, path: InputPath): Fact[] {
  if (isFactValue(at)) return [{ path, value: at }]
  return isMembers(at) ? Object.entries(at).flatMap(([name, value]) => leaves(value, [...path, name])) : []
}

/** @returns undefined where nothing stands, or no single fact */
export function factAt(input: PolicyInput, path: InputPath): FactValue | undefined {
  const found = path.reduce<unknown>(
    (at, name) => (isMembers(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    input,
  )
  return isFactValue(found) ? found : undefined
}

/** The same input with another fact, put in where there was none. */
export function withFact(input: PolicyInput, path: InputPath, value: FactValue): PolicyInput {
  return { ...input, ...replaced(input, path, value) }
}

/** The same input without a fact that it need not have: an argument, or a label. */
export function withoutFact(input: PolicyInput, path: InputPath): PolicyInput {
  return { ...input, ...removed(input, path) }
}

function removed(at: unknown, [name = '', ...rest]: InputPath): object {
  const { [name]: inner, ...others } = isMembers(at) ? at : {}
  return rest.length === 0 ? others : { ...others, [name]: removed(inner, rest) }
}

/** Whether two facts have the same value. */
export function isSame(a: FactValue, b: FactValue | undefined): boolean {
  return a === b || (Array.isArray(a) && JSON.stringify(a) === JSON.stringify(b))
}

function replaced(at: unknown, [name, ...rest]: InputPath, value: FactValue): object {
  const members = isMembers(at) ? at : {}
  if (name === undefined) return members
  return { ...members, [name]: rest.length === 0 ? value : replaced(members[name], rest, value) }
}

function isFactValue(value: unknown): value is FactValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value)
}

function isMembers(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
