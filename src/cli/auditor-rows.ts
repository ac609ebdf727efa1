import { isObject, type Json } from './api.ts'

export const accessColumns = ['resource', 'action', 'effect', 'reasons', 'path', 'tokens']

/** What somebody could do with one resource, on one line: its actions side by side. */
export function accessRow({ resource, principal, actions }: Json): Json {
  const each = objectsIn(actions)
  return {
    principal: isObject(principal) ? words(principal['kind'], principal['name']) : null,
    resource: isObject(resource) ? words(resource['type'], resource['name']) : null,
    environment: isObject(resource) ? resource['environment'] : null,
    action: each.map(({ action }) => action),
    effect: distinct(each.map(({ effect }) => effect)),
    reasons: distinct(each.flatMap(({ reasons }) => objectsIn(reasons).map(({ code }) => code))),
    path: distinct(each.flatMap(({ path }) => objectsIn(path).map(({ kind, name }) => words(kind, name)))),
    tokens: distinct(each.flatMap(({ tokens }) => (Array.isArray(tokens) ? tokens : []))).length,
  }
}

/** A change of an agent or token: who, and what is other than before. */
export function changeRow(event: Json): Json {
  const { before, after } = isObject(event['details']) ? event['details'] : {}
  return {
    ...event,
    actor: nameIn(event['actor']),
    resource: nameIn(event['resource']),
    details: isObject(before) && isObject(after) ? changesBetween(before, after) : [],
  }
}

export function exposureRow(exposure: Json): Json {
  const { secret } = exposure
  return { ...exposure, ...(isObject(secret) ? { ...secret, secret: secret['name'] } : {}) }
}

function changesBetween(before: Json, after: Json): string[] {
  return Object.keys(after)
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => `${name} ${shown(before[name])} → ${shown(after[name])}`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function words(...values: readonly unknown[]): string {
  return values.filter((value) => typeof value === 'string').join(' ')
}

function nameIn(part: unknown): unknown {
  return isObject(part) ? part['name'] : null
}

function objectsIn(list: unknown): Json[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function distinct(values: readonly unknown[]): unknown[] {
  return [...new Set(values)]
}
