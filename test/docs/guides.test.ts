import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Block, blocksOf, type Reader, reader } from '../support/reader.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

/** Not run here: what the tests of demo and start run, what stands for the reader's own value, and what needs Docker. */
const notRun = new Set(['start', 'token', 'docker'])
let gateway: TestGateway
let ana: Reader

beforeEach(async () => {
  gateway = await testGateway()
  ana = await reader({
    CERTLOCKER_URL: gateway.url,
    CERTLOCKER_API_KEY: gateway.adminKey,
    CERTLOCKER_DATA_DIR: gateway.dataDir,
    DATABASE_URL: gateway.databaseUrl,
  })
})
afterEach(async () => {
  await ana.leave()
  await gateway.stop()
})

async function scriptsOf(page: string): Promise<readonly Block[]> {
  const blocks = (await blocksOf(page)).filter(({ language }) => language === 'sh')
  // Whoever adds a block with another name says here how it is run.
  for (const { name } of blocks) expect(['', 'stopped', ...notRun]).toContain(name)
  return blocks.filter(({ name }) => !notRun.has(name))
}

describe('the guides', { timeout: 120_000 }, () => {
  test('docs/quick-start.md leads to one secret given, another refused, and a log that verifies', async () => {
    const [registered, token, asked, proof, stop, ...rest] = await scriptsOf('docs/quick-start.md')
    expect(rest).toEqual([])
    await ana.run(registered?.text ?? '')
    const [, value = ''] = /export CERTLOCKER_MCP_TOKEN=(\S+)/u.exec(await ana.run(token?.text ?? '')) ?? []
    ana.environment['CERTLOCKER_MCP_TOKEN'] = value
    const answers = await ana.run(asked?.text ?? '')
    expect(answers).toContain('"value":"s3cret"')
    const denial = 'Access denied. Token is scoped to groups [staging], secret is in [prod]'
    expect(answers).toContain(denial)
    expect(answers).not.toContain('t0psecret')
    expect(await readFile('docs/quick-start.md', 'utf8')).toContain(`\`${denial}\``)
    expect(await ana.run(proof?.text ?? '')).toMatch(/AI_AGENT_POLICY_DENIED[^]*PASS/u)
    await ana.run(stop?.text ?? '')
    await expect(ana.run(asked?.text ?? '')).resolves.not.toContain('s3cret')
  })

  test('docs/concepts.md proves the log with the public key alone', async () => {
    const [proof, ...rest] = await scriptsOf('docs/concepts.md')
    expect(rest).toEqual([])
    expect(await ana.run(proof?.text ?? '')).toMatch(/^PASS/mu)
  })

  test('docs/operate.md backs up, looks after, and restores what then starts only when the loss is accepted', async () => {
    await writeFile(join(ana.folder, 'passphrase'), 'correct horse battery staple', { mode: 0o600 })
    const [backUp, drill, watch, evidence] = (await scriptsOf('docs/operate.md')).filter(({ name }) => name === '')
    const [restore] = (await scriptsOf('docs/operate.md')).filter(({ name }) => name === 'stopped')
    expect(await ana.run(backUp?.text ?? '')).toContain(
      'With the keys of secrets.keyFile, audit.keyFile, bastion.hostKeyFile, encrypted',
    )
    expect(await ana.run(drill?.text ?? '')).toMatch(/confirmed +true|rep_\w+ +true/u)
    const metrics = await ana.run(watch?.text ?? '')
    const page = await readFile('docs/operate.md', 'utf8')
    const named = new Set(page.match(/\bcertlocker_\w+/gu))
    expect(named.size).toBeGreaterThan(4)
    expect([...named].filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([])
    await gateway.api.create('/groups', { name: 'later', environment: 'staging' })
    await ana.run(evidence?.text ?? '')
    await gateway.halt()
    const [, events = ''] = /: (\d+) audit events/u.exec(await ana.run(restore?.text ?? '')) ?? []
    await expect(gateway.restart()).rejects.toThrow(`audit.acceptTruncated: ${events},`)
    gateway = await gateway.restart({ CERTLOCKER_AUDIT__ACCEPT_TRUNCATED: events })
    expect((await gateway.api.get('/groups')).body['items']).toEqual([])
  })
})
