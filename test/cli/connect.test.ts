import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintBearer } from '../../src/kernel/bearer.ts'
import { clientKinds } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { handshakeMessage, initialize } from '../support/raw-mcp.ts'
import { type StdioAgent, stdioAgent } from '../support/stdio-agent.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let token: string
let folder: string
const running: StdioAgent[] = []

beforeAll(async () => {
  gateway = await testGateway()
  folder = await mkdtemp(join(tmpdir(), 'certlocker-connect-'))
  const tokens = await given(gateway, {
    agents: [{ name: 'editor', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'], value: 'hunter2' }],
  })
  token = tokens['editor'] ?? ''
})
afterAll(async () => {
  await Promise.all(running.map((agent) => agent.close()))
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

async function bridged(start: Partial<Parameters<typeof stdioAgent>[0]> = {}): Promise<StdioAgent> {
  const agent = await stdioAgent({ url: gateway.url, token, ...start })
  running.push(agent)
  return agent
}

async function activeSessions() {
  return itemsOf((await gateway.api.get('/sessions?status=active')).body)
}

describe('certlocker connect', { timeout: 60_000 }, () => {
  test.each(clientKinds)('serves the official client (%s) as the gateway itself does', async (kind) => {
    const agent = await bridged({ kind })
    expect(await agent.toolNames()).toEqual(['certlocker_list_allowed_resources', 'certlocker_get_secret'])
    expect(await agent.calls('certlocker_get_secret', { name: 'login' })).toMatchObject({
      status: 'ok',
      value: 'hunter2',
    })
    expect(await agent.calls('certlocker_get_secret', { name: 'none' })).toMatchObject({ status: 'denied' })
    expect(agent.errors).toEqual([])
    expect(agent.notes()).not.toContain(token)
    expect((await activeSessions()).map(({ client }) => client)).toContainEqual(
      expect.objectContaining({ name: 'editor' }),
    )
    await agent.close()
  })

  test.each(['sdk v1, handshake', 'sdk v2, handshake'] as const)(
    'ends its session with its client (%s)',
    async (kind) => {
      const before = (await activeSessions()).length
      const agent = await bridged({ kind })
      expect(await activeSessions()).toHaveLength(before + 1)
      await agent.close()
      await until(async () => (await activeSessions()).length === before)
    },
  )

  test('opens another session when the gateway has ended the one it had', async () => {
    const agent = await bridged({ kind: 'sdk v1, handshake' })
    const ended = await activeSessions()
    for (const { id } of ended) await gateway.api.create(`/sessions/${id}/end`, {})
    const answers = await Promise.all(
      ['login', 'login', 'none'].map((name) => agent.calls('certlocker_get_secret', { name })),
    )
    expect(answers.map(({ status }) => status)).toEqual(['ok', 'ok', 'denied'])
    const [opened, ...others] = await activeSessions()
    expect(others).toEqual([])
    expect(opened?.['client']).toMatchObject({ name: 'editor' })
    expect(agent.notes()).toContain('the gateway ended the session; another is opened')
    await agent.close()
  })
})

describe('the bare command', { timeout: 60_000 }, () => {
  const call = handshakeMessage('tools/call', { name: 'certlocker_get_secret', arguments: { name: 'login' } }, 2)

  test('answers what was piped into it, prints nothing else on stdout, and exits 0', async () => {
    const before = (await activeSessions()).length
    const { exitCode, answers, stderr } = await piped([
      initialize,
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      call,
      handshakeMessage('no/such', {}, 'three'),
    ])
    expect(answers.find(({ id }) => id === 1)).toMatchObject({ result: { protocolVersion: '2025-11-25' } })
    expect(answers.find(({ id }) => id === 2)).toMatchObject({ result: { structuredContent: { value: 'hunter2' } } })
    expect(answers.find(({ id }) => id === 'three')).toMatchObject({ error: { code: -32601 } })
    expect({ exitCode, answers: answers.length, stderr }).toEqual({ exitCode: 0, answers: 3, stderr: '' })
    expect(await activeSessions()).toHaveLength(before)
  })

  test('hands the errors of the protocol on as they are', async () => {
    const { answers } = await piped([handshakeMessage('initialize', {}, 'first')])
    expect(answers).toEqual([{ jsonrpc: '2.0', id: 'first', error: { code: -32602, message: 'Invalid params' } }])
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const modern = await piped([handshakeMessage('no/such', { _meta: meta }, 7)])
    expect(modern.answers).toMatchObject([{ id: 7, error: { code: -32601 } }])
  })

  test('ends on SIGTERM, with its session', async () => {
    const before = (await activeSessions()).length
    const child = start({})
    child.stdin.write(`${JSON.stringify(initialize)}\n`)
    await once(child.stdout, 'data')
    expect(await activeSessions()).toHaveLength(before + 1)
    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).toBe(0)
    expect(await activeSessions()).toHaveLength(before)
  })

  const refused: readonly (readonly [what: string, start: () => Promise<Start>, message: RegExp])[] = [
    [
      'a gateway that is away',
      async () => ({ url: 'http://127.0.0.1:9' }),
      /^http:\/\/127.0.0.1:9 cannot be reached: start the gateway/,
    ],
    [
      'a page instead of a gateway',
      async () => ({ url: await page(200) }),
      /^http:\S+ answered, but not as CertLocker does: check CERTLOCKER_URL/,
    ],
    [
      'an error page',
      async () => ({ url: await page(502) }),
      /^http:\S+ answered HTTP 502, but not as CertLocker does/,
    ],
    [
      'an unknown token',
      async () => ({ token: mintBearer('clk_mcp').value.expose() }),
      /does not accept the MCP token of CERTLOCKER_MCP_TOKEN: .* Mint another/,
    ],
    [
      'half a token',
      async () => ({ token: token.slice(0, 20) }),
      /^What CERTLOCKER_MCP_TOKEN holds is not an MCP token/,
    ],
    ['an API key', async () => ({ token: mintBearer('clk_api').value.expose() }), /is not an MCP token/],
    [
      'a file that is not there',
      async () => ({ argv: ['--token-file', join(folder, 'none')] }),
      /^The file .*none cannot be read \(ENOENT\): write the MCP token there/,
    ],
    [
      'no token at all',
      async () => ({ token: '', path: folder }),
      /^There is no MCP token: set CERTLOCKER_MCP_TOKEN, start with --token-file, or store it/,
    ],
  ]

  test.each(refused)('answers %s with the problem and its remedy', async (_, given, message) => {
    const started = await given()
    const { answers, exitCode, stdout, stderr } = await piped([initialize], started)
    expect(answers).toMatchObject([{ id: 1, error: { code: -32603, message: expect.stringMatching(message) } }])
    expect(exitCode).toBe(0)
    if (started.token) expect(stdout + stderr).not.toContain(started.token)
  })

  test('does not start without an address', async () => {
    const { exitCode, stdout, stderr } = await piped([initialize], { url: 'gateway' })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('CERTLOCKER_URL is no address')
  })

  test('takes the token from a file, and says when others can read it', async () => {
    const file = join(folder, 'token')
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    const start = { token: '', argv: ['--token-file', file] }
    expect(await piped([initialize], start)).toMatchObject({ answers: [{ id: 1, result: {} }], stderr: '' })
    await chmod(file, 0o644)
    expect((await piped([initialize], start)).stderr).toContain(`chmod 600 ${file}`)
  })

  test.skipIf(process.platform !== 'linux')('takes the token from the keychain of the desktop', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    const tool = join(bin, 'secret-tool')
    await writeFile(
      tool,
      `#!/bin/sh\n[ "$*" = "lookup service certlocker-mcp gateway ${gateway.url}" ] && printf '%s' ${token}\n`,
    )
    await chmod(tool, 0o755)
    const { answers } = await piped([initialize, call], { token: '', path: bin })
    expect(answers[1]).toMatchObject({ result: { structuredContent: { value: 'hunter2' } } })
  })

  /** @returns the address of a web server that knows only one page */
  async function page(status: number): Promise<string> {
    const server = createServer((_, answer) => answer.writeHead(status, { 'content-type': 'text/html' }).end('<p>Hi'))
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    const address = server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  interface Start {
    readonly url?: string
    readonly token?: string
    readonly argv?: readonly string[]
    readonly path?: string
  }

  function start({ url = gateway.url, token: given = token, argv = [], path = process.env['PATH'] ?? '' }: Start) {
    return spawn(process.execPath, ['src/launch.js', 'connect', ...argv], {
      env: { PATH: path, CERTLOCKER_URL: url, CERTLOCKER_MCP_TOKEN: given },
    })
  }

  async function piped(messages: readonly object[], how: Start = {}) {
    const child = start(how)
    child.stdin.end(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    const answers: Record<string, unknown>[] = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
    return { exitCode, answers, stdout, stderr }
  }
})
