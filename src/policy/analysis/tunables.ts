import { memberOf } from '../../kernel/json-members.ts'

type Scalar = string | number | boolean

/** What a bundle's data holds for its rules, by the name under which they read it: `certlocker.config.…`. */
export type Tunables = ReadonlyMap<string, { readonly isChanged: boolean; readonly values: readonly Scalar[] }>

/** The tunables of two bundles, each with every text and number that it holds in either. */
export function tunablesOf(before: object, after: object): Tunables {
  const [old, fresh] = [membersOf(before), membersOf(after)]
  return new Map(
    [...new Set([...old.keys(), ...fresh.keys()])].map((name) => [
      `certlocker.config.${name}`,
      {
        isChanged: JSON.stringify(old.get(name)) !== JSON.stringify(fresh.get(name)),
        values: [...new Set([old.get(name), fresh.get(name)].flatMap(scalarsIn))],
      },
    ]),
  )
}

function membersOf(data: object): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(memberOf(data, 'certlocker', 'config') ?? {}))
}

function scalarsIn(value: unknown): readonly Scalar[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(scalarsIn)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [value] : []
}
