import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientConfig } from '../../src/domain/tokens/client-config.ts'
import { given } from '../support/given.ts'
import { stdioAgent } from '../support/stdio-agent.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const mcpUrl = 'http://127.0.0.1:8080/rest/mcp'
const blocks: { readonly language: string; readonly name: string; readonly text: string }[] = []
let gateway: TestGateway
let folder: string
let token: string

beforeAll(async () => {
  const page = await readFile('docs/connect.md', 'utf8')
  for (const [, language = '', name = '', text = ''] of page.matchAll(/^```(\w+) ?(\w*)\n([^]*?)^```$/gmu))
    blocks.push({ language, name, text })
  gateway = await testGateway()
  const tokens = await given(gateway, { agents: [{ name: 'claude-code-e2e', groups: ['staging'] }] })
  token = tokens['claude-code-e2e'] ?? ''
  folder = await mkdtemp(join(tmpdir(), 'certlocker-docs-'))
  await writeFile(join(folder, 'npx'), `#!/bin/sh\nshift\nexec ${process.execPath} ${resolve('src/launch.js')} "$@"\n`)
  await chmod(join(folder, 'npx'), 0o755)
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a block of the page as a reader would, in a shell. */
function shell(script: string): Promise<string> {
  const env = {
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    CERTLOCKER_URL: gateway.url,
    CERTLOCKER_API_KEY: gateway.adminKey,
    CERTLOCKER_MCP_TOKEN: token,
  }
  return new Promise((done, fail) => {
    execFile('/bin/sh', ['-euc', script], { env }, (error, stdout, stderr) =>
      error === null ? done(stdout) : fail(new Error(`${script}\n${stderr}`, { cause: error })),
    )
  })
}

const named = (name: string) => blocks.find((block) => block.name === name)?.text ?? `no block named ${name}`
const shellBlocks = () =>
  blocks.filter(({ language, name }) => language === 'sh' && name === '').map(({ text }) => text)

describe('docs/connect.md', { timeout: 60_000 }, () => {
  test('shows each client what a new token comes with', () => {
    const { openhands, ...files } = clientConfig({ mcpUrl })
    expect(named('openhands')).toBe(`${openhands}\n`)
    for (const [name, config] of Object.entries(files)) expect(JSON.parse(named(name)), name).toEqual(config)
  })

  test('mints a token with the command that it gives', async () => {
    const [mint = ''] = shellBlocks()
    expect(await shell(mint)).toMatch(/export CERTLOCKER_MCP_TOKEN=clk_mcp_\w{49}\n/u)
  })

  test('tries the token with the command that it gives', async () => {
    const [, attempt = ''] = shellBlocks()
    const lines = (await shell(attempt))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      { id: 1, result: {} },
      { id: 2, result: { tools: expect.any(Array) } },
    ])
    expect(shellBlocks()).toHaveLength(2)
  })

  test('starts the bridge as its configuration for other clients says', async () => {
    const config = JSON.parse(blocks.find(({ text }) => text.includes('"command"'))?.text ?? '{}')
    const [program, ...argv] = config.mcpServers.certlocker.args
    expect(program).toMatch(/\/src\/launch\.js$/u)
    const file = join(folder, 'token')
    await writeFile(file, token, { mode: 0o600 })
    const inPlace = argv.map((word: string) => word.replace('/home/ana/.certlocker-token', file))
    const agent = await stdioAgent({ url: gateway.url, argv: inPlace.slice(1) })
    expect(await agent.toolNames()).toContain('certlocker_get_secret')
    await agent.close()
  })
})
