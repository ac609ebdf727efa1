import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../src/kernel/log.ts'
import { routes } from '../../src/transport/rest/routes.ts'
import { clientKinds, connect } from '../support/agent.ts'
import { aCertificate } from '../support/certificates.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person } from '../support/person.ts'
import { rawHttp } from '../support/raw-http.ts'
import { openSession, rawMcp } from '../support/raw-mcp.ts'
import { restClient } from '../support/rest-client.ts'
import { stdioAgent } from '../support/stdio-agent.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const SECRET = 'certlocker_get_secret'
const NOTE = 'certlocker_write_audit_event'
const value = `canary/${randomBytes(12).toString('hex')}+"ä"=`
const nextValue = `canary/${randomBytes(12).toString('hex')}+"ö"=`
const certificate = aCertificate({ subject: 'edge.example.com', domains: ['edge.example.com'] })

let gateway: TestGateway
let person: Person
let database: pg.Client
/** By what is planted: what must not be found. */
let canaries: Map<string, readonly string[]>
/** By sink: everything that was written there. */
const sinks = new Map<string, string>()

/** A text as it may turn up: as it is, in JSON, in a URL, and encoded. */
function formsOf(text: string): readonly string[] {
  return [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text), ...formsOfBytes(Buffer.from(text))]
}

function formsOfBytes(bytes: Buffer): readonly string[] {
  // The last characters of base64 depend on what comes after.
  const inBase64 = (encoding: 'base64' | 'base64url') => bytes.toString(encoding).replace(/=+$/, '').slice(0, -2)
  return [bytes.toString('hex'), inBase64('base64'), inBase64('base64url')]
}

function foundIn(text: string): readonly string[] {
  return [...canaries].flatMap(([what, forms]) => (forms.some((form) => text.includes(form)) ? [what] : []))
}

/** Adds to what a sink took in. */
function took(sink: string, text: string): void {
  sinks.set(sink, `${sinks.get(sink) ?? ''}${text}\n`)
}

beforeAll(async () => {
  const operatorLog = new PassThrough()
  operatorLog.on('data', (chunk: Buffer) => took('operator log', chunk.toString()))
  gateway = await testGateway({}, createLog({ level: 'debug', stream: operatorLog, pretty: false }))
  const tokens = await given(gateway, {
    agents: [
      { name: 'reader', groups: ['staging'], scopes: ['secret:read', 'host:read', 'audit:write'] },
      { name: 'deployer', groups: ['prod', 'staging'], riskLevel: 'low' },
    ],
    secrets: [
      { name: 'login', groups: ['staging'], value },
      { name: 'prod-login', groups: ['prod'], value },
    ],
    hosts: [{ name: 'edge-1', groups: ['staging'] }],
  })
  person = await operator(gateway, 'orla@example.com', ['staging'])
  database = new pg.Client({ connectionString: gateway.databaseUrl })
  await database.connect()
  const sealedBoxKey = keyFiles(gateway.dataDir).get('secrets') ?? ''
  canaries = new Map([
    ['secret value', [...formsOf(value), ...formsOf(nextValue)]],
    ['MCP token', Object.values(tokens).flatMap(formsOf)],
    ['API key', formsOf(person.value)],
    ['admin key', formsOf(gateway.adminKey)],
    ['private key of a certificate', linesOf(certificate.key)],
    ['host key of the bastion', linesOf(keyFiles(gateway.dataDir).get('bastion') ?? '')],
    ['sealed-box key', [sealedBoxKey, ...formsOfBytes(Buffer.from(sealedBoxKey, 'base64'))]],
  ])
  await agentsAtWork(tokens['reader'] ?? '', tokens['deployer'] ?? '')
  await peopleAtWork()
  await editorAtWork(tokens['reader'] ?? '')
  await thingsBreak(tokens['reader'] ?? '')
  await collect()
})
afterAll(async () => {
  await database.end()
  await gateway.stop()
})

/** The lines of a PEM file that hold the key. */
function linesOf(pem: string): readonly string[] {
  return pem.split('\n').filter((line) => line.length > 40 && !line.startsWith('-----'))
}

/** The files of keys under the data directory, by what they belong to. */
function keyFiles(dataDir: string): ReadonlyMap<string, string> {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const textOf = (wanted: string): string => {
    const file = files.find(({ name }) => name === wanted)
    if (file === undefined) throw new Error(`no ${wanted} among ${files.map(({ name }) => name).join(', ')}`)
    return readFileSync(join(file.parentPath, file.name), 'utf8').trim()
  }
  return new Map([
    ['secrets', textOf('secrets.key')],
    ['bastion', textOf('bastion.key')],
  ])
}

async function agentsAtWork(reader: string, deployer: string): Promise<void> {
  for (const kind of clientKinds) {
    const agent = await connect(gateway.url, reader, { kind })
    const read = await agent.calls(SECRET, { name: 'login' })
    expect(foundIn(JSON.stringify(read.structured))).toEqual(['secret value'])
    const others = [
      await agent.calls(SECRET, { name: reader }),
      await agent.calls(SECRET, { name: 'login', [reader]: true }),
      await agent.calls('certlocker_list_allowed_hosts', { query: `my ${person.value}` }),
      await agent.calls(NOTE, { action: 'paste', message: `my token is ${reader}, the key ${person.value}` }),
      await agent.calls('certlocker_list_allowed_resources'),
      await agent.calls('certlocker_list_allowed_resources', { query: value }),
      await agent.calls('certlocker_list_allowed_hosts'),
      await agent.calls(NOTE, {
        action: value,
        message: `took ${value} and ${encodeURIComponent(value)}`,
        resource: value,
      }),
      await agent.calls(NOTE, { action: 'x', message: Buffer.from(value).toString('base64') }),
      await agent.calls(SECRET, { name: value }),
      await agent.calls(SECRET, { name: 'login', version: value }),
      await agent.calls(SECRET, { name: 'login', [value]: true }),
      await agent.calls(SECRET, { name: 'login', more: value }),
      await agent.calls(SECRET, { name: [value] }),
      await agent.calls(SECRET, { name: 'prod-login' }),
    ]
    took('answers to agents', JSON.stringify(others))
    await agent.close()
  }
  const waiting = await connect(gateway.url, deployer)
  took('answers to agents', JSON.stringify(await waiting.calls(SECRET, { name: 'prod-login' })))
  const wrong = await rawMcp(gateway.url, { token: `${reader.slice(0, -1)}x`, message: { value } })
  took('answers to agents', JSON.stringify(wrong))
  const sessionId = await openSession(gateway.url, reader)
  for (const message of [
    `{"jsonrpc":"2.0","method":"${value}"`,
    { jsonrpc: '2.0', id: 1, method: value, params: { value } },
  ]) {
    took('answers to agents', JSON.stringify(await rawMcp(gateway.url, { token: reader, sessionId, message })))
  }
}

async function peopleAtWork(): Promise<void> {
  const { api } = gateway
  const revealed = await person.api.create('/secrets/login/reveal', {})
  expect(foundIn(JSON.stringify(revealed))).toEqual(['secret value'])
  const answers = [
    await api.create('/secrets/login/versions', { value: nextValue }),
    await api.create('/secrets/login/restore', { version: 0 }),
    await api.post('/secrets', { name: 'login', groups: ['staging'], type: 'password', value }),
    await api.post('/secrets', { name: 'x', groups: ['nowhere'], type: 'password', value }),
    await api.post('/secrets', { name: 'x', groups: ['staging'], type: 'password', value: [value] }),
    await api.post('/secrets', { name: 'x', groups: ['staging'], type: 'password', secretValue: value }),
    await api.patch('/secrets/login', { value }),
    await person.api.post('/secrets', { name: 'y', groups: ['prod'], type: 'password', value }),
    await person.api.post('/secrets/prod-login/versions', { value }),
    await person.api.post('/secrets/prod-login/reveal'),
    await restClient(gateway.url, `${person.value.slice(0, -1)}x`).get('/agents'),
    await restClient(gateway.url, `${gateway.adminKey}x`).get('/agents'),
  ]
  const upload = { name: 'edge-tls', groups: ['staging'], chain: certificate.certificate, privateKey: certificate.key }
  answers.push(
    await api.post('/certificates', upload),
    await api.post('/certificates', upload),
    await api.post('/certificates', { ...upload, name: 'other', chain: certificate.key }),
    await api.post('/probes', { target: 'nowhere.invalid:443', groups: ['staging'] }),
    await api.post('/kill', { kind: 'agent', id: 'reader', reason: 'exercise', drill: true }),
  )
  const { ticket } = await person.api.create('/ssh-sessions', { host: 'edge-1' })
  canaries.set('SSH ticket', formsOf(String(ticket)))
  took('answers to changes', JSON.stringify(answers))
  await repeated('/tokens', { agentId: 'reader', name: 'third', groups: ['staging'], ttlSeconds: 60 })
  await repeated('/api-keys', { person: person.email, name: 'second', ttlSeconds: 60 })
  await repeated('/secrets', { name: 'numbered', groups: ['staging'], type: 'password', value: nextValue })
  const { token, value: bearer } = await api.create('/tokens', {
    agentId: 'reader',
    name: 'second',
    groups: ['staging'],
    ttlSeconds: 60,
  })
  canaries = new Map([...canaries, ['second MCP token', formsOf(String(bearer))]])
  took('answers to changes', JSON.stringify(await api.post(`/tokens/${(token as { id: string }).id}/revoke`)))
}

/** A creation under an idempotency key, and again: whatever the first answer showed is a canary, and the second shows none. */
async function repeated(path: string, body: object): Promise<void> {
  const send = async () => {
    const response = await fetch(`${gateway.url}/api/v1${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gateway.adminKey}`,
        'content-type': 'application/json',
        'idempotency-key': `numbered ${path}`,
      },
      body: JSON.stringify(body),
    })
    expect(response.status).toBe(201)
    return response.text()
  }
  const { value: shown }: { value?: string } = JSON.parse(await send())
  if (shown !== undefined) canaries = new Map([...canaries, [`once shown by ${path}`, formsOf(shown)]])
  took('replayed answers', await send())
}

/** What an editor that starts the bridge gets to see beside the answers: its notes, and of its refusals. */
async function editorAtWork(reader: string): Promise<void> {
  const editor = await stdioAgent({ url: gateway.url, token: reader })
  expect(foundIn(JSON.stringify(await editor.calls(SECRET, { name: 'login' })))).toEqual(['secret value'])
  await editor.calls(SECRET, { name: reader })
  took('connect', editor.notes() + JSON.stringify(editor.errors))
  await editor.close()
  for (const token of [`${reader.slice(0, -1)}x`, gateway.adminKey]) {
    const refusal: unknown = await stdioAgent({ url: gateway.url, token }).catch((error: unknown) => error)
    took('connect', `${String(refusal)} ${JSON.stringify(refusal)}`)
  }
}

/** Errors are where values leak: drivers quote them. */
async function thingsBreak(reader: string): Promise<void> {
  await database.query('ALTER TABLE sealed_values RENAME COLUMN sealed TO not_sealed')
  took('answers to changes', JSON.stringify(await gateway.api.post('/secrets/login/versions', { value: nextValue })))
  await database.query('ALTER TABLE sealed_values RENAME COLUMN not_sealed TO sealed')
  await database.query('ALTER TABLE secret_versions RENAME COLUMN store_path TO no_path')
  took('answers to changes', JSON.stringify(await gateway.api.post('/secrets/login/versions', { value: nextValue })))
  const agent = await connect(gateway.url, reader)
  await agent
    .calls(SECRET, { name: 'login', version: 1 })
    .catch((error: unknown) => took('answers to agents', String(error)))
  await database.query('ALTER TABLE secret_versions RENAME COLUMN no_path TO store_path')
}

/** What there is only once a session went over the bastion. */
const notHere = new Set(['/audit/export', '/ssh-sessions/:id/recording'])

/** What a route wants to be asked with. */
const queries: Readonly<Record<string, string>> = { '/audit': '?limit=200', '/access': '?resource=login' }

async function collect(): Promise<void> {
  const { api } = gateway
  const firstId = async (list: string) => String(itemsOf((await api.get(`/${list}`)).body)[0]?.['id'])
  for (const { path } of routes.filter((route) => route.method === 'GET' && !notHere.has(route.path))) {
    const [, noun = ''] = path.split('/')
    const id = path.endsWith('/:seq') ? '1' : path.includes('/:') ? await firstId(noun) : ''
    const answer = await api.get(`${path.replace(/:\w+/, id)}${queries[path] ?? ''}`)
    expect(answer.status, path).toBe(200)
    took('REST answers', JSON.stringify(answer.body))
  }
  took('export', String((await api.get('/audit/export')).body['text']))
  took(
    'metrics',
    (await rawHttp(gateway.url, { path: '/metrics', headers: { authorization: `Bearer ${gateway.adminKey}` } })).text,
  )
  took('OpenAPI', (await rawHttp(gateway.url, { path: '/api/openapi.json' })).text)
  took('health', (await rawHttp(gateway.url, { path: '/health/ready' })).text)
  took('audit lines', gateway.auditLines.join('\n'))
  const { rows } = await database.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
  )
  for (const { name } of rows) {
    const content = await database.query(`SELECT t::text AS row FROM "${name}" t`)
    took('database', `${name} ${content.rows.map(({ row }) => row).join('\n')}`)
  }
}

describe('a credential', () => {
  test.each([
    'operator log',
    'audit lines',
    'answers to agents',
    'answers to changes',
    'REST answers',
    'replayed answers',
    'connect',
    'export',
    'OpenAPI',
    'health',
    'metrics',
    'database',
  ])('is found nowhere in: %s', (sink) => {
    const text = sinks.get(sink) ?? ''
    expect(text.length).toBeGreaterThan(20)
    expect(foundIn(text)).toEqual([])
  })

  test('would be found: the log names the secret that every sink knows of, and the search sees what is planted', () => {
    for (const sink of ['audit lines', 'REST answers', 'export', 'database']) expect(sinks.get(sink)).toContain('login')
    for (const [what, forms] of canaries) {
      expect(forms.every((form) => form.length >= 8)).toBe(true)
      for (const form of forms) expect(foundIn(`x${form}x`)).toContain(what)
    }
    expect(sinks.get('database')).toMatch(/sealed_values \(/)
    expect(sinks.get('database')).toMatch(/idempotency_keys \(/)
    expect(sinks.get('operator log')).toMatch(/"level":"(?:error|warn)"/)
  })
})
