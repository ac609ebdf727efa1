import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FaultError, fault } from '../../../src/kernel/fault.ts'
import { ok } from '../../../src/kernel/result.ts'
import type { HttpContext, HttpMiddleware } from '../../../src/transport/http/http-context.ts'
import { httpBounds } from '../../../src/transport/http/node-server.ts'
import { createHttpServer, type HttpServer, type HttpServerDeps } from '../../../src/transport/http/server.ts'
import type { Log } from '../../../src/kernel/log.ts'
import { rawHttp } from '../../support/raw-http.ts'
import { silentLog } from '../../support/silent-log.ts'

const servers: HttpServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(0)))
})

async function serverWith(rest: HttpMiddleware, more: Partial<HttpServerDeps> = {}) {
  const caller = { kind: 'service', id: 'svc_test', name: 'test', role: 'admin', groups: 'every' } as const
  const answered: string[] = []
  const server = createHttpServer({
    settings: { host: '127.0.0.1', port: 0, trustedProxies: [], allowedOrigins: [] },
    log: silentLog,
    faultOf: (error) => (error instanceof FaultError ? error.fault : fault('INTERNAL', { cause: error })),
    meter: { answered: (route, status) => answered.push(`${route} ${status}`) },
    readiness: async () => ({
      ready: true,
      checks: { database: fine, policy: fine, secrets: fine, revocation: fine, audit: fine },
    }),
    metrics: { contentType: 'text/plain', text: async () => '' },
    authenticate: async (_, request) => ok({ ...caller, request }),
    rest,
    mcp: async (ctx) => {
      ctx.body = 'mcp'
    },
    ...more,
  })
  servers.push(server)
  return { server, answered, ...(await server.listen()) }
}

const fine = { ok: true, detail: '' }
const answering =
  (body: unknown): HttpMiddleware =>
  async (ctx: HttpContext) => {
    ctx.body = body
  }

describe('the error boundary', () => {
  test('answers also when what threw had taken over the answer', async () => {
    const { url } = await serverWith(answering('unused'), {
      mcp: async (ctx) => {
        ctx.respond = false
        throw new Error('after the take-over')
      },
    })
    const answer = await rawHttp(url, { path: '/rest/mcp', method: 'POST' })
    expect(answer.status).toBe(500)
    expect(answer.text).not.toContain('take-over')
  })

  test('answers a thrown fault with its status, code and text', async () => {
    const { url } = await serverWith(async () => {
      throw new FaultError(fault('DATABASE_UNAVAILABLE', { detail: 'host db-7 refused' }))
    })
    const answer = await rawHttp(url, { path: '/x' })
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.text)).toEqual({
      error: {
        code: 'DATABASE_UNAVAILABLE',
        message: 'The database cannot be reached',
        requestId: answer.headers['x-request-id'],
      },
    })
  })

  test('answers a bug with the request id only, and writes the error to the log under that id', async () => {
    const logged: unknown[] = []
    const log: Log = { ...silentLog, error: (message, fields) => logged.push({ message, ...fields }) }
    const bug = new Error('secret detail')
    const { url } = await serverWith(
      async () => {
        throw bug
      },
      { log },
    )
    const answer = await rawHttp(url, { path: '/x' })
    expect(answer.status).toBe(500)
    expect(answer.text).not.toContain('secret detail')
    expect(logged).toEqual([expect.objectContaining({ error: bug, requestId: answer.headers['x-request-id'] })])
  })
})

describe('the routes', () => {
  test('give MCP its requests unread, below /rest/mcp and its metadata only', async () => {
    const { url, answered } = await serverWith(answering('rest'))
    expect((await rawHttp(url, { path: '/rest/mcp', method: 'POST', body: 'not json' })).text).toBe('mcp')
    expect((await rawHttp(url, { path: '/.well-known/oauth-protected-resource/rest/mcp' })).text).toBe('mcp')
    expect((await rawHttp(url, { path: '/.well-known/oauth-protected-resources' })).text).toBe('rest')
    expect(answered).toContain('/rest/mcp 200')
  })

  test('refuse more headers than the bound', async () => {
    const { url } = await serverWith(answering('rest'))
    expect(
      (await rawHttp(url, { path: '/x', headers: { 'x-large': 'x'.repeat(httpBounds.headerBytesMax) } })).status,
    ).toBe(431)
  })
})

describe('a stopping server', () => {
  test('finishes what runs, refuses what comes, and says so to keep-alive connections', async () => {
    const running = gate()
    const { server, port, url } = await serverWith(async (ctx) => {
      running.reached()
      await running.opened
      ctx.body = 'done'
    })
    const socket = await open(port)
    socket.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await running.isReached
    const neverAsked = await open(port)
    // A grace beyond the test's own patience: nothing may wait for it.
    const stopped = server.stop(60_000)
    await expect(rawHttp(url, { path: '/x' })).rejects.toThrow('ECONNREFUSED')
    running.open()
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*done$/)
    expect(await readAll(neverAsked)).toBe('')
    await stopped
  })

  test('cuts off what has not finished within the grace', async () => {
    const running = gate()
    const { server, port } = await serverWith(async () => {
      running.reached()
      await new Promise(() => {})
    })
    const socket = await open(port)
    socket.write('GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await running.isReached
    await server.stop(100)
    expect(await readAll(socket)).toBe('')
  })

  test('refuses a second request on a connection that is still busy', async () => {
    const running = gate()
    const { server, port } = await serverWith(async (ctx) => {
      running.reached()
      await running.opened
      ctx.body = ctx.path
    })
    const socket = await open(port)
    socket.write('GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await running.isReached
    const stopped = server.stop(5_000)
    socket.write('GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n')
    running.open()
    const answers = await readAll(socket)
    expect(answers).toContain('/first')
    expect(answers).not.toContain('/second')
    await stopped
  })
})

describe('TLS', () => {
  test('is spoken when configured, and browsers are told to stay with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'certlocker-tls-'))
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=localhost',
        '-keyout',
        keyFile,
        '-out',
        certFile,
      ],
      { stdio: 'ignore' },
    )
    const settings = { host: '127.0.0.1', port: 0, trustedProxies: [], allowedOrigins: [], tls: { certFile, keyFile } }
    const { url } = await serverWith(answering('secure'), { settings })
    rmSync(folder, { recursive: true })
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    const [response] = await once(get(`${url}/x`, { agent: new Agent({ rejectUnauthorized: false }) }), 'response')
    response.resume()
    expect(response.statusCode).toBe(200)
    expect(response.headers['strict-transport-security']).toMatch(/^max-age=\d+/)
  })
})

/** A handler that waits, and a test that knows when it does. */
function gate() {
  const [isReached, reached] = signal()
  const [opened, open] = signal()
  return { isReached, reached, opened, open }
}

function signal(): [given: Promise<void>, give: () => void] {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return [given, give]
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  if (!socket.closed) await once(socket, 'close')
  return text
}
