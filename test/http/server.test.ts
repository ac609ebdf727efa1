import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bastionPortDefault } from '../../src/config/config.schema.ts'
import { bodyBytesMax } from '../../src/transport/http/read-json-body.ts'
import { type RawRequest, rawHttp } from '../support/raw-http.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await testGateway({ CERTLOCKER_HTTP__TRUSTED_PROXIES: '127.0.0.0/8' })
})
afterAll(() => gateway.stop())

const asAdmin = (request: RawRequest) =>
  rawHttp(gateway.url, { ...request, headers: { authorization: `Bearer ${gateway.adminKey}`, ...request.headers } })
const postGroup = (
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
) => asAdmin({ method: 'POST', path: '/api/v1/groups', headers, body })

describe('every answer', () => {
  test('carries a request id of ours and headers that keep browsers from doing harm', async () => {
    const { headers } = await rawHttp(gateway.url, { path: '/health/live', headers: { 'x-request-id': 'mine' } })
    expect(headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^req_/),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    })
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['access-control-allow-origin']).toBeUndefined()
  })
})

describe('a path', () => {
  test.each(['/', '/api', '/api/v1', '/api/v1/nothing', '/api/v2/agents', '/API/v1/agents', '/health', '/rest/mcp/x'])(
    '%s that leads nowhere is 404 JSON',
    async (path) => {
      const answer = await asAdmin({ path })
      expect(answer.status).toBe(404)
      expect(JSON.parse(answer.text)).toMatchObject({
        error: { code: 'NOT_FOUND', requestId: answer.headers['x-request-id'] },
      })
    },
  )

  test.each([
    ['PUT', '/api/v1/groups', 'HEAD, GET, POST'],
    ['DELETE', '/api/v1/agents/a/suspend', 'POST'],
    ['POST', '/health/live', 'GET, HEAD'],
  ])('with the wrong method is 405 and says which are right: %s %s', async (method, path, allow) => {
    const answer = await asAdmin({ method, path })
    expect(answer.status).toBe(405)
    expect(String(answer.headers['allow']).split(', ').sort()).toEqual(allow.split(', ').sort())
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } })
  })

  test('with a NUL or a broken escape in it is no server error', async () => {
    for (const path of ['/api/v1/agents/%00', '/api/v1/agents/%', '/api/v1/agents?owner=%00']) {
      expect((await asAdmin({ path })).status).toBeLessThan(500)
    }
  })
})

describe('a body', () => {
  test('of 1 MiB is read, one byte more is 413', async () => {
    const body = (bytes: number) => `{"description":"${'x'.repeat(bytes - 18)}"}`
    expect(body(bodyBytesMax)).toHaveLength(bodyBytesMax)
    expect((await postGroup(body(bodyBytesMax))).status).toBe(400)
    const over = await postGroup(body(bodyBytesMax + 1))
    expect(over.status).toBe(413)
    expect(JSON.parse(over.text)).toMatchObject({ error: { code: 'BODY_TOO_LARGE' } })
  })

  test('too large and without a length is 413 as well', async () => {
    const over = await postGroup(Buffer.alloc(bodyBytesMax + 1, ' '), {
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    })
    expect(over.status).toBe(413)
  })

  test.each([
    ['is no JSON', '{"name":', undefined],
    ['is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), undefined],
    ['holds a NUL', '{"name":"a\\u0000"}', undefined],
    ['holds a lone surrogate', '{"name":"\\ud800"}', undefined],
    ['is nested too deeply', `${'['.repeat(17)}${']'.repeat(17)}`, undefined],
    ['is a form', 'name=edge', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['is compressed', '{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('that %s is 400 BODY_INVALID and is not quoted', async (_, body, headers) => {
    const answer = await postGroup(body, headers)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'BODY_INVALID' } })
    expect(answer.text).not.toContain('edge')
  })

  test('is not read before its sender is known', async () => {
    const answer = await rawHttp(gateway.url, { method: 'POST', path: '/api/v1/groups', body: 'not json' })
    expect(answer.status).toBe(401)
  })
})

describe('Host and Origin', () => {
  test.each<Record<string, string>>([{ host: 'evil.example' }, { origin: 'https://evil.example' }, { origin: 'null' }])(
    '%o is 403',
    async (headers) => {
      for (const path of ['/api/v1/groups', '/health/live', '/rest/mcp']) {
        const answer = await asAdmin({ path, headers })
        expect(answer.status).toBe(403)
        expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'ORIGIN_FORBIDDEN' } })
      }
    },
  )

  test('of this machine are served', async () => {
    expect(
      (await asAdmin({ path: '/api/v1/groups', headers: { host: 'localhost:1', origin: gateway.url } })).status,
    ).toBe(200)
  })
})

describe('health', () => {
  test('is live, and ready with every part ok', async () => {
    expect((await rawHttp(gateway.url, { path: '/health/live' })).status).toBe(200)
    const ready = await rawHttp(gateway.url, { path: '/health/ready' })
    expect(ready.status).toBe(200)
    const { checks, ...rest } = JSON.parse(ready.text)
    expect(rest).toEqual({ ready: true })
    expect(Object.keys(checks).sort()).toEqual(['audit', 'database', 'policy', 'revocation', 'secrets'])
  })
})

describe('metrics', () => {
  test('are for admins only, and count answers by route, never by path', async () => {
    await asAdmin({ path: '/api/v1/agents/nobody-at-all' })
    expect((await rawHttp(gateway.url, { path: '/metrics' })).status).toBe(401)
    const answer = await asAdmin({ path: '/metrics' })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^text\/plain/)
    expect(answer.text).toContain('certlocker_http_request_seconds_count{route="/api/v1/agents/:id",status="404"}')
    expect(answer.text).not.toContain('nobody-at-all')
  })
})

describe('behind a trusted proxy', () => {
  test('the client is the right-most untrusted hop', async () => {
    await rawHttp(gateway.url, {
      path: '/api/v1/groups',
      headers: { 'x-forwarded-for': '6.6.6.6, 198.51.100.4, 127.0.0.2', authorization: 'Bearer wrong' },
    })
    const answer = await asAdmin({ path: '/api/v1/audit?type=AI_AGENT_AUTH_FAILED&limit=1' })
    expect(JSON.parse(answer.text).items[0]).toMatchObject({ client: { ip: '198.51.100.4' }, code: 'KEY_MALFORMED' })
  })
})

describe('the OpenAPI document', () => {
  test('is served without a key and names this gateway', async () => {
    const answer = await rawHttp(gateway.url, { path: '/api/openapi.json' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ openapi: '3.1.0', servers: [{ url: gateway.url }] })
  })
})

describe('the default port of the bastion', () => {
  test('is the first process that asks for it; the next one starts without a bastion of its own', async () => {
    const settings = { CERTLOCKER_BASTION__PORT: String(bastionPortDefault) }
    const both = [await gateway.replica(settings), await gateway.replica(settings)]
    try {
      for (const { url } of both) expect((await rawHttp(url, { path: '/health/ready' })).status).toBe(200)
    } finally {
      for (const each of both.toReversed()) await each.stop()
    }
  })
})
