import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientKind, clientKinds, connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { openSession, rawMcp, rpcOf } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const SECRET = 'certlocker_get_secret'
const RESOURCES = 'certlocker_list_allowed_resources'
const HOSTS = 'certlocker_list_allowed_hosts'
const NOTE = 'certlocker_write_audit_event'

/** In every hostile text, to be looked for where it must not be. */
const MARK = 'hostile-mark'
const EVENT_CHARACTERS_MAX = 2048

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let sessionId: string
let database: pg.Client

beforeAll(async () => {
  gateway = await testGateway()
  const scopes = ['secret:read', 'host:read', 'audit:write']
  tokens = await given(gateway, {
    agents: [
      { name: 'hostile', groups: ['staging'], scopes },
      { name: 'guesser', groups: ['staging'], scopes },
      { name: 'plain', groups: ['staging', 'prod'], scopes },
      { name: 'reader', groups: ['staging'] },
    ],
    secrets: [
      { name: 'login', groups: ['staging'] },
      { name: 'lost', groups: ['staging'] },
      { name: 'damaged', groups: ['staging'] },
      { name: 'unread', groups: ['staging'] },
      { name: 'prod-login', groups: ['prod'] },
    ],
    hosts: [{ name: 'edge-1', groups: ['staging'] }],
  })
  sessionId = await openSession(gateway.url, tokens['hostile'] ?? '')
  database = new pg.Client({ connectionString: gateway.databaseUrl })
  await database.connect()
})
afterAll(async () => {
  await database.end()
  await gateway.stop()
})

/** The arguments as JSON text, since some of them no JavaScript value can say. */
const badArguments: readonly (readonly [what: string, tool: string, args: string])[] = [
  ['none', SECRET, '{}'],
  ['a further member', SECRET, `{"name":"login","approved":true}`],
  ['a further member of another case', SECRET, `{"name":"login","Name":"${MARK}"}`],
  ['a further member with a long name', SECRET, `{"name":"login","${MARK.repeat(1000)}":1}`],
  ['a further member whose name is cut within a character', SECRET, `{"name":"login","${'a'.repeat(63)}\u{1f511}":1}`],
  ['a name that is a number', SECRET, '{"name":7}'],
  ['a name that is null', SECRET, '{"name":null}'],
  ['a name that is true', SECRET, '{"name":true}'],
  ['a name in a list', SECRET, '{"name":["login"]}'],
  ['a name that is an object', SECRET, '{"name":{"$ne":""}}'],
  ['an empty name', SECRET, '{"name":""}'],
  ['a name of 257 characters', SECRET, `{"name":"${MARK.padEnd(257, 'x')}"}`],
  ['a name of nearly 1 MiB', SECRET, `{"name":"${MARK.padEnd(1_000_000, 'x')}"}`],
  ['a name with NUL', SECRET, `{"name":"login\\u0000${MARK}"}`],
  ['a name with a lone surrogate', SECRET, `{"name":"login\\ud800${MARK}"}`],
  ['a member name with a lone surrogate', SECRET, `{"name":"login","\\udfff${MARK}":1}`],
  ['a name of two lines', SECRET, `{"name":"login\\n${MARK}"}`],
  ['depth 100', SECRET, `{"name":${'['.repeat(100)}"${MARK}"${']'.repeat(100)}}`],
  ['257 members', SECRET, `{${Array.from({ length: 257 }, (_, index) => `"m${index}":1`).join(',')}}`],
  ['__proto__ in place of the name', SECRET, '{"__proto__":{"name":"login"}}'],
  ['constructor besides the name', SECRET, '{"name":"login","constructor":{"prototype":{"polluted":true}}}'],
  ['a version below 0', SECRET, '{"name":"login","version":-1}'],
  ['a version that is no whole number', SECRET, '{"name":"login","version":0.5}'],
  ['a version that is a text', SECRET, '{"name":"login","version":"0"}'],
  ['a version that is null', SECRET, '{"name":"login","version":null}'],
  ['an infinite version', SECRET, '{"name":"login","version":1e999}'],
  ['a version beyond 2^53', SECRET, '{"name":"login","version":9007199254740993}'],
  ['a type that is unknown', RESOURCES, `{"type":"${MARK}"}`],
  ['a limit of 0', RESOURCES, '{"limit":0}'],
  ['a limit of 201', RESOURCES, '{"limit":201}'],
  ['a limit that is a text', HOSTS, '{"limit":"50"}'],
  ['a query of 129 characters', HOSTS, `{"query":"${MARK.padEnd(129, 'x')}"}`],
  ['a query with NUL', RESOURCES, `{"query":"\\u0000${MARK}"}`],
  ['a cursor of 513 characters', HOSTS, `{"cursor":"${MARK.padEnd(513, 'x')}"}`],
  ['a note without a message', NOTE, `{"action":"${MARK}"}`],
  ['a note of 4097 characters', NOTE, `{"action":"a","message":"${MARK.padEnd(4097, 'x')}"}`],
  ['a note that names its author', NOTE, `{"action":"a","message":"b","agent":"${MARK}"}`],
  ['a note that is an object', NOTE, `{"action":"a","message":{"text":"${MARK}"}}`],
]

/** The guard sees a call the same way, whether the endpoint answers it directly or hands it to the SDK. */
const ways = [
  ['directly', ''],
  ['through the SDK', ',"_meta":{"progressToken":1}'],
] as const

describe.each(ways)('arguments that do not fit (%s)', (_way, more) => {
  test.each(badArguments)('%s: the call has failed before any policy, and is on record', async (_, tool, args) => {
    const linesBefore = gateway.auditLines.length
    const answer = await call(tool, args, more)
    expect(answer.status).toBe(200)
    const { structuredContent } = resultOf(answer)
    expect(structuredContent).toMatchObject({ status: 'failed', code: 'ARGUMENT_INVALID', decisionId: null })
    const [event, ...others] = await eventsOf(structuredContent['requestId'])
    expect(others).toEqual([])
    expect(event).toMatchObject({ type: 'AI_AGENT_CALL_FAILED', code: 'ARGUMENT_INVALID', tool, resource: null })
    const recorded = [JSON.stringify(event), ...gateway.auditLines.slice(linesBefore), answer.text]
    for (const text of recorded) {
      expect(text.length).toBeLessThan(EVENT_CHARACTERS_MAX)
      // A member's name may be quoted, once and cut short; a value never.
      expect(text.replace(/unknown member \\*"[^"]{0,80}"/g, '')).not.toContain(MARK)
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test.each(['[]', '"login"', '7', 'true', '[{"name":"login"}]'])(
    '%s in place of arguments is a protocol error',
    async (args) => {
      expect(rpcOf(await call(SECRET, args, more))).toMatchObject({ error: { code: -32602 } })
    },
  )

  test('__proto__ besides the name changes nothing about anything', async () => {
    const answer = await call(SECRET, '{"name":"login","__proto__":{"version":7,"polluted":true}}', more)
    // The SDK drops such a member before anybody sees it; otherwise it is refused like every unknown one.
    expect(resultOf(answer).structuredContent).toMatchObject(
      more === '' ? { status: 'failed', code: 'ARGUMENT_INVALID' } : { status: 'ok', version: 0 },
    )
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('no arguments at all are those of a call without any', async () => {
    const bare = await rawMcp(gateway.url, {
      token: tokens['hostile'],
      sessionId,
      message: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${HOSTS}"${more}}}`,
    })
    expect(resultOf(bare).structuredContent).toMatchObject({ status: 'ok' })
  })
})

describe('arguments that fit and name nothing', () => {
  test.each([
    'LOGIN',
    'Login',
    'l\u043egin',
    'login ',
    ' login',
    'login.',
    './login',
    '../login',
    '..\\login',
    '%2e%2e/login',
    'login%00',
    '__proto__',
    'constructor',
    'toString',
    '*',
    '%',
    'login\u200d',
    '\u202elogin',
    "' OR '1'='1",
    '{{login}}',
    '${login}',
  ])('%s is the name of nothing, and the denial is on record with the name as it was sent', async (name) => {
    const agent = await connect(gateway.url, tokens['guesser'] ?? '')
    const { structured, text } = await agent.calls(SECRET, { name })
    expect({ structured, text }).toMatchObject({
      text: 'Access denied. No secret of that name is available',
      structured: { status: 'denied', code: 'RESOURCE_UNKNOWN' },
    })
    expect(await eventsOf(structured['requestId'])).toMatchObject([
      { type: 'AI_AGENT_POLICY_DENIED', code: 'RESOURCE_UNKNOWN', resource: { name, id: null } },
    ])
  })

  test.each([1, 99, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER])(
    'version %i is unknown',
    async (version) => {
      const agent = await connect(gateway.url, tokens['plain'] ?? '')
      const { structured } = await agent.calls(SECRET, { name: 'login', version })
      expect(structured).toMatchObject({ status: 'failed' })
      expect(['VERSION_UNKNOWN', 'ARGUMENT_INVALID']).toContain(structured['code'])
    },
  )

  test.each(['x', 'secret:', 'secret:x', 'host:WyJcIiJd', ':', '__proto__:', 'secret:WyJsb2dpbiJd:'])(
    'cursor %s never ends in an error of ours',
    async (cursor) => {
      const agent = await connect(gateway.url, tokens['plain'] ?? '')
      for (const tool of [RESOURCES, HOSTS]) {
        const { structured } = await agent.calls(tool, { cursor })
        if (structured['status'] !== 'ok')
          expect(structured).toMatchObject({ status: 'failed', code: 'ARGUMENT_INVALID' })
      }
    },
  )

  test.each(['%', '_ogin', '\\', "'", 'lo%n'])('query %s is text, never a pattern', async (query) => {
    const agent = await connect(gateway.url, tokens['plain'] ?? '')
    expect((await agent.calls(RESOURCES, { query })).structured).toMatchObject({ status: 'ok', items: [] })
  })
})

describe('a tool that does not exist', () => {
  test.each(
    clientKinds.flatMap((kind) =>
      ['certlocker_reveal', '', 'CERTLOCKER_GET_SECRET', 'certlocker_get_secret ', '__proto__', 'toString'].map(
        (tool): [ClientKind, string] => [kind, tool],
      ),
    ),
  )('is a protocol error (%s, "%s")', async (kind, tool) => {
    const agent = await connect(gateway.url, tokens['plain'] ?? '', { kind })
    await expect(agent.calls(tool, { name: 'login' })).rejects.toMatchObject({ code: -32602 })
  })
})

describe.each(clientKinds)('every result fits what its tool promises (%s)', (kind) => {
  const calls: readonly (readonly [what: string, agent: string, tool: string, args: object, status: string])[] = [
    ['a value', 'plain', SECRET, { name: 'login' }, 'ok'],
    ['a list of everything', 'plain', RESOURCES, {}, 'ok'],
    ['a list of hosts', 'plain', HOSTS, { limit: 1 }, 'ok'],
    ['a note', 'plain', NOTE, { action: 'a', message: 'b' }, 'ok'],
    ['a denial', 'plain', SECRET, { name: 'nothing' }, 'denied'],
    ['a needed approval', 'plain', SECRET, { name: 'prod-login' }, 'approval_required'],
    ['wrong arguments', 'plain', SECRET, { name: 7 }, 'failed'],
    ['a failure of the secret store', 'plain', SECRET, { name: 'lost' }, 'failed'],
    ['a tool that is not listed', 'reader', NOTE, { action: 'a', message: 'b' }, 'denied'],
  ]

  test.each(calls)('%s', async (_, name, tool, args, status) => {
    await database.query(`DELETE FROM sealed_values USING secret_versions, secrets
      WHERE store_path = path AND secret_id = id AND name = 'lost'`)
    const everything = await connect(gateway.url, tokens['plain'] ?? '', { kind })
    const schema = (await everything.outputSchemas()).get(tool)
    if (schema === undefined) throw new Error(`${tool} is not listed`)
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const agent = await connect(gateway.url, tokens[name] ?? '', { kind })
    // Official clients that know the list check every result themselves.
    await agent.toolNames()
    const { structured } = await agent.calls(tool, args)
    expect(structured['status']).toBe(status)
    expect(ajv.validate(schema, structured), ajv.errorsText()).toBe(true)
  })
})

describe('what breaks inside the gateway', () => {
  test('a destroyed value is a failure with its code, and nothing of how it is kept', async () => {
    await database.query(`DELETE FROM sealed_values USING secret_versions, secrets
      WHERE store_path = path AND secret_id = id AND name = 'lost'`)
    await expectFailure('lost', 'SECRET_VALUE_MISSING')
  })

  test('a damaged value is one as well', async () => {
    await database.query(`UPDATE sealed_values SET sealed = sha256(sealed) FROM secret_versions, secrets
      WHERE store_path = path AND secret_id = id AND name = 'damaged'`)
    await expectFailure('damaged', 'SECRET_VALUE_DAMAGED')
  })

  test('a secret store that is away is one as well', async () => {
    await database.query('ALTER TABLE sealed_values RENAME TO sealed_values_away')
    try {
      await expectFailure('unread', 'SECRET_STORE_UNAVAILABLE')
    } finally {
      await database.query('ALTER TABLE sealed_values_away RENAME TO sealed_values')
    }
  })

  test.each(clientKinds)('what nobody foresaw is an internal error with the request id alone (%s)', async (kind) => {
    await database.query('ALTER TABLE hosts RENAME COLUMN principals TO no_such_principals')
    try {
      const agent = await connect(gateway.url, tokens['plain'] ?? '', { kind })
      const error: unknown = await agent.calls(HOSTS).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: -32603, data: { requestId: expect.stringMatching(/^req_/) } })
      expect(JSON.stringify(error) + String(error)).not.toMatch(/column|principals|select|hosts|42703/i)
      const { requestId } = (error as { data: { requestId: string } }).data
      expect(await eventsOf(requestId)).toMatchObject([
        { type: 'AI_AGENT_CALL_FAILED', code: 'INTERNAL' },
        { type: 'AI_AGENT_POLICY_ALLOWED' },
      ])
    } finally {
      await database.query('ALTER TABLE hosts RENAME COLUMN no_such_principals TO principals')
    }
  })

  async function expectFailure(name: string, code: string) {
    const agent = await connect(gateway.url, tokens['reader'] ?? '')
    const answer = await agent.calls(SECRET, { name })
    expect(answer).toMatchObject({ isError: true, structured: { status: 'failed', code } })
    expect(JSON.stringify(answer)).not.toMatch(/sealed|relation|select|42P01|sql/i)
    expect(await eventsOf(answer.structured['requestId'])).toMatchObject([
      { type: 'AI_AGENT_CALL_FAILED', outcome: 'failed', code, decisionId: answer.structured['decisionId'] },
      { type: 'AI_AGENT_POLICY_ALLOWED', decisionId: answer.structured['decisionId'] },
    ])
  }
})

function call(tool: string, args: string, more: string) {
  const message = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":${args}${more}}}`
  return rawMcp(gateway.url, { token: tokens['hostile'], sessionId, message })
}

function resultOf(answer: Parameters<typeof rpcOf>[0]) {
  return rpcOf(answer)['result'] as { structuredContent: { readonly [name: string]: unknown } }
}

/** The events of one request, newest first. */
async function eventsOf(requestId: unknown) {
  const { body } = await gateway.api.get('/audit?limit=20')
  return itemsOf(body).filter((event) => event['requestId'] === requestId)
}
