import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'

/** A request that the server was sent. */
export interface Asked {
  readonly method: string
  /** Path and query, behind `/v1/`. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export type Scripted = (asked: Asked, response: ServerResponse) => boolean

/** A server of a few of Vault's routes, over HTTP, that can be told to misbehave. */
export interface FakeVault {
  readonly address: string
  readonly asked: Asked[]
  /** Tokens that are good now, with what is left of them in seconds. */
  readonly tokens: Map<string, { ttl: number; renewable: boolean }>
  /** What the next logins and renewals grant. */
  grant: { ttl: number; renewable: boolean }
  /** Answers instead, when it returns true. */
  script: Scripted | undefined
  /** The calls of a kind: `POST auth/approle/login`. */
  count(method: string, path: string): number
  stop(): void
}

interface Version {
  readonly data: object
  readonly created_time: string
}

const goodSecretId = 'good-secret-id'

export async function fakeVault(): Promise<FakeVault> {
  const entries = new Map<string, Version[]>()
  const server = createServer((request, response) => {
    void take(request).then((asked) => {
      fake.asked.push(asked)
      if (fake.script?.(asked, response) !== true) answer(fake, entries, asked, response)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  const fake: FakeVault = {
    address: `http://127.0.0.1:${address.port}`,
    asked: [],
    tokens: new Map([['configured-token', { ttl: 0, renewable: false }]]),
    grant: { ttl: 3600, renewable: true },
    script: undefined,
    count: (method, path) => fake.asked.filter((each) => each.method === method && each.path === path).length,
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
  return fake
}

/** Answers with JSON. */
export function say(response: ServerResponse, status: number, body?: object): true {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body))
  return true
}

async function take(request: IncomingMessage): Promise<Asked> {
  const body = request.method === 'POST' ? await json(request) : undefined
  const path = (request.url ?? '').replace(/^\/v1\//, '')
  return { method: request.method ?? '', path, headers: request.headers, body }
}

function answer(fake: FakeVault, entries: Map<string, Version[]>, asked: Asked, response: ServerResponse): true {
  const { path, body } = asked
  if (path.startsWith('sys/health')) return say(response, 200, { initialized: true, sealed: false })
  if (path.endsWith('/login')) return loggedIn(fake, body, response)
  const token = String(asked.headers['x-vault-token'])
  const standing = fake.tokens.get(token)
  if (standing === undefined) return say(response, 403, { errors: ['permission denied'] })
  if (path === 'auth/token/lookup-self') return say(response, 200, { data: standing })
  if (path === 'auth/token/renew-self') {
    fake.tokens.set(token, fake.grant)
    return say(response, 200, granted(token, fake.grant))
  }
  if (path.startsWith('sys/internal/ui/mounts/')) return say(response, 200, { data: { options: { version: '2' } } })
  return keyValue(entries, asked, response)
}

function loggedIn(fake: FakeVault, body: unknown, response: ServerResponse): true {
  const sent = JSON.stringify(body)
  if (!sent.includes(goodSecretId) && !sent.includes('good-jwt'))
    return say(response, 400, { errors: ['invalid credentials'] })
  const token = `token-${randomBytes(6).toString('hex')}`
  fake.tokens.set(token, fake.grant)
  return say(response, 200, granted(token, fake.grant))
}

function granted(token: string, { ttl, renewable }: FakeVault['grant']): object {
  return { auth: { client_token: token, lease_duration: ttl, renewable } }
}

/** The KV engine, version 2, mounted at `secret`. */
function keyValue(entries: Map<string, Version[]>, { method, path, body }: Asked, response: ServerResponse): true {
  const url = new URL(path, 'http://fake')
  const [, kind = '', entry = ''] = /^\/secret\/(data|metadata)\/(.+)$/.exec(url.pathname) ?? []
  const versions = entries.get(entry)
  const metadataOf = (number: number) => ({ version: number, created_time: versions?.[number - 1]?.created_time })
  if (kind === 'metadata' && method === 'POST') {
    entries.set(entry, versions ?? [])
    return say(response, 204)
  }
  if (versions === undefined) return say(response, 404, { errors: [] })
  if (kind === 'metadata') return say(response, 200, { data: { current_version: versions.length } })
  if (method === 'POST') {
    const { data, options } = body as { data: object; options: { cas: number } }
    if (options.cas !== versions.length) return say(response, 400, { errors: ['check-and-set did not match'] })
    versions.push({ data, created_time: `2026-11-23T08:00:00.${String(versions.length).padStart(9, '0')}Z` })
    return say(response, 200, { data: metadataOf(versions.length) })
  }
  const number = Number(url.searchParams.get('version') ?? versions.length)
  const version = versions[number - 1]
  if (version === undefined) return say(response, 404, { errors: [] })
  return say(response, 200, { data: { data: version.data, metadata: metadataOf(number) } })
}
