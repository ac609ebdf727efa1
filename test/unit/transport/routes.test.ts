import { describe, expect, test } from 'vitest'
import { routes } from '../../../src/transport/rest/routes.ts'

const titled = routes.map((route) => ({ title: `${route.method} ${route.path}`, route }))

/** The owners' way out: with a broken policy an admin can look, stop, and install a signed policy, and nothing else. */
const breakGlassChanges = [
  'POST /agents/:id/suspend',
  'POST /agents/:id/revoke',
  'POST /api-keys/:id/revoke',
  'POST /tokens/:id/revoke',
  'POST /sessions/:id/end',
  'POST /ssh-sessions/:id/end',
  'POST /kill',
  'PUT /policy/bundle',
  'POST /policy/held/:digest/activate',
  'POST /policy/held/:digest/discard',
  'POST /policy/rollback',
]

describe('the route table', () => {
  test('has each method and path, and each operation id, once', () => {
    expect(new Set(titled.map(({ title }) => title)).size).toBe(routes.length)
    expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length)
  })

  test('lets an admin through a broken policy to look, to stop and to mend the policy, never to change', () => {
    const changes = titled.filter(({ route }) => route.breakGlass && route.method !== 'GET').map(({ title }) => title)
    expect(changes.sort()).toEqual([...breakGlassChanges].sort())
    expect(routes.filter(({ method, breakGlass }) => method === 'GET' && !breakGlass)).toEqual([])
  })

  test.each(titled)('$title names an action', ({ route }) => {
    expect(route.action).toMatch(/^[a-z_]+\.[a-z_]+$/)
  })

  test.each(titled)('$title takes nothing but what its schemas name, and nothing without a bound', ({ route }) => {
    expect(unboundedParts(route.query, 'query')).toEqual([])
    expect(unboundedParts(route.body ?? {}, 'body')).toEqual([])
  })

  test.each(titled)('$title describes each property that is sent', ({ route }) => {
    const properties = { ...route.query.properties, ...route.body?.properties }
    expect(Object.entries(properties).filter(([, schema]) => !('description' in schema))).toEqual([])
  })
})

/** Where a schema lets through objects with unknown members, or texts, lists or numbers of any size. */
function unboundedParts(schema: object, path: string): string[] {
  const { type, properties, items, additionalProperties, oneOf, anyOf } = {
    type: undefined,
    properties: {},
    items: undefined,
    additionalProperties: undefined,
    oneOf: [],
    anyOf: [],
    ...schema,
  }
  const problems: string[] = []
  if (type === 'object' && additionalProperties !== false) problems.push(`${path} is open`)
  if (
    type === 'string' &&
    !['maxLength', 'enum', 'const'].some((bound) => bound in schema) &&
    !isBoundedPattern(schema)
  )
    problems.push(`${path} has no maxLength`)
  if (type === 'array' && !('maxItems' in schema)) problems.push(`${path} has no maxItems`)
  if (type === 'integer' && !('minimum' in schema && 'maximum' in schema))
    problems.push(`${path} has no minimum or maximum`)
  for (const [name, member] of Object.entries<object>(properties))
    problems.push(...unboundedParts(member, `${path}.${name}`))
  if (typeof items === 'object') problems.push(...unboundedParts(items, `${path}[]`))
  for (const branch of [...oneOf, ...anyOf]) problems.push(...unboundedParts(branch, path))
  return problems
}

function isBoundedPattern(schema: object): boolean {
  return 'pattern' in schema && /^\^.*\{0,\d+\}\$$/.test(String(schema.pattern))
}
