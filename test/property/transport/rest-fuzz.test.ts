import fc from 'fast-check'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../../src/kernel/log.ts'
import { exampleOf } from '../../../src/transport/rest/example-of.ts'
import type { Route } from '../../../src/transport/rest/route.ts'
import { apiPrefix, routes } from '../../../src/transport/rest/routes.ts'
import { fuzzing } from '../../support/fuzzing.ts'
import { expectCivil } from '../../support/civil-answer.ts'
import { given, owner } from '../../support/given.ts'
import { bytesOf, mutantOf } from '../../support/hostile-json.ts'
import { rawHttp } from '../../support/raw-http.ts'
import { type TestGateway, testGateway } from '../../support/test-gateway.ts'

/** Per route. */
const fuzz = fuzzing(25)

let gateway: TestGateway
let operatorLog = ''

beforeAll(async () => {
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => {
    operatorLog += chunk.toString()
  })
  gateway = await testGateway({}, createLog({ level: 'info', stream, pretty: false }))
  await given(gateway, {
    agents: [{ name: 'bot', groups: ['edge'] }],
    secrets: [{ name: 'edge-key', groups: ['edge'] }],
    hosts: [{ name: 'edge-1', groups: ['edge'] }],
  })
})
afterAll(() => gateway.stop())

const ids = fc.oneof(
  fc.constantFrom('edge', 'bot', 'edge-key', 'edge-1', owner, '1', '0', '-1', '1e9', '99999999999999999999', 'x', ' '),
  fc.constantFrom('%00', '%2e%2e', '%ff', '%', '__proto__', '%F0%9F%94%91', 'a'.repeat(3_000), '..', "'", '%5C'),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
)
const odd = fc.constantFrom(
  '',
  '0',
  '-1',
  '201',
  '1e3',
  'NaN',
  'true',
  '\u0000',
  '%',
  "'",
  '2026-13-45',
  'x'.repeat(600),
)

function queriesOf({ query }: Route): fc.Arbitrary<string> {
  const names = [...Object.keys(query.properties), 'extra', '__proto__']
  return fc
    .array(fc.tuple(fc.constantFrom(...names), odd), { maxLength: 3 })
    .map((pairs) => pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&'))
}

function requestsOf(route: Route) {
  const example: unknown = route.body === undefined ? {} : exampleOf(route.body)
  return fc.record({
    id: ids,
    query: queriesOf(route),
    body: mutantOf(example).chain(bytesOf),
    headers: fc.record(
      {
        'content-type': fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', 'x'),
        'idempotency-key': fc.constantFrom('k', '"k"', ' ', 'x'.repeat(300)),
      },
      { requiredKeys: ['content-type'] },
    ),
  })
}

describe('whatever an admin sends to', () => {
  test.each(routes.map((route): [string, Route] => [`${route.method} ${route.path}`, route]))(
    '%s is answered in good form and never by a failure of ours',
    { timeout: 60_000 + fuzz.numRuns * 100 },
    async (_, route) => {
      await fc.assert(
        fc.asyncProperty(requestsOf(route), async ({ id, query, body, headers }) => {
          const answer = await rawHttp(gateway.url, {
            method: route.method,
            path: `${apiPrefix}${route.path.replace(/:\w+/u, () => id)}?${query}`,
            headers: {
              authorization: `Bearer ${gateway.adminKey}`,
              'content-length': String(route.method === 'GET' ? 0 : body.length),
              ...headers,
            },
            ...(route.method === 'GET' ? {} : { body }),
          })
          if (answer.status < 300 && route.contentType !== 'application/json') return
          expectCivil(answer)
        }),
        fuzz,
      )
    },
  )

  test('any of them, and nothing broke', async () => {
    expect(operatorLog).not.toMatch(/"level":"error"/)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    expect((await gateway.api.get('/audit/verify')).body).toMatchObject({ ok: true })
  })
})
