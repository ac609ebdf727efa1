import { describe, expect, test } from 'vitest'
import { nouns } from '../../../src/cli/nouns.ts'
import { routes } from '../../../src/transport/rest/routes.ts'

const verbs = nouns.flatMap((noun) =>
  noun.verbs.map((verb) => ({ title: `${noun.name} ${verb.name}`, verb, columns: verb.columns ?? noun.columns })),
)

describe('the noun commands', () => {
  test.each(verbs)('$title calls a route that exists, with the schema of that route', ({ verb }) => {
    const route = routes.find(
      ({ method, path }) => method === verb.method && path.replace(/:\w+/u, ':id') === verb.path,
    )
    expect(route).toBeDefined()
    if (verb.body !== undefined) expect(route?.body).toBe(verb.body)
    expect(Object.keys(route?.query.properties ?? {})).toEqual(expect.arrayContaining([...(verb.filters ?? [])]))
    expect(verb.filters !== undefined).toBe(route?.query.properties['limit'] !== undefined)
  })

  test.each(verbs.filter(({ verb }) => verb.filters !== undefined))(
    '$title shows columns that the answer has',
    ({ verb, columns }) => {
      const route = routes.find(
        ({ method, path }) => method === verb.method && path.replace(/:\w+/u, ':id') === verb.path,
      )
      const text = JSON.stringify(route?.response)
      expect(columns.filter((column) => !text.includes(`"${column}":`))).toEqual([])
    },
  )

  test('reach every registry route but those that have commands of their own: audit, policy, access, kill, ssh and play', () => {
    const called = new Set(verbs.map(({ verb }) => `${verb.method} ${verb.path}`))
    const absent = routes
      .map(({ method, path }) => `${method} ${path.replace(/:\w+/u, ':id')}`)
      .filter(
        (route) => !called.has(route) && !/ \/(audit|policy|access|kill)|POST \/ssh-sessions$|recording$/u.test(route),
      )
    expect(absent).toEqual([])
  })
})
