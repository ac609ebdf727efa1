import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cli, cliFor } from '../support/cli.ts'
import { operator } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let cli: Cli
let folder: string

const words = (line: string) => line.split(' ')

beforeAll(async () => {
  gateway = await testGateway()
  cli = cliFor(gateway.url, gateway.adminKey)
  folder = await mkdtemp(join(tmpdir(), 'certlocker-cli-'))
  for (const name of ['edge', 'prod']) await gateway.api.create('/groups', { name, environment: 'staging' })
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('the noun commands', () => {
  test('create, list, show and change, for people and as JSON', async () => {
    expect(
      await cli(words('people create --email ana@example.com --name Ana --role operator --groups edge,prod')),
    ).toMatchObject({ exitCode: 0 })
    const created = await cli([
      ...words(
        'agents create --name cursor-ops --owner ana@example.com --risk-level medium --scopes secret:read,host:read --groups edge --description',
      ),
      'Edge proxies',
      '--json',
    ])
    expect(created).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(created.stdout)).toMatchObject({
      name: 'cursor-ops',
      scopes: ['secret:read', 'host:read'],
      description: 'Edge proxies',
    })
    const listed = await cli(words('agents list --group edge'))
    expect(listed.stdout).toMatch(
      /^NAME +STATUS +RISK LEVEL +OWNER +GROUPS +SCOPES\ncursor-ops +active +medium +ana@example.com +edge +secret:read, host:read\n$/,
    )
    expect((await cli(words('agents show cursor-ops'))).stdout).toMatch(/^status +active$/mu)
    expect((await cli(words('agents update cursor-ops --groups edge,prod --json'))).stdout).toContain('"prod"')
    expect((await cli(words('agents suspend cursor-ops --reason odd'))).stdout).toMatch(/^status +suspended$/mu)
    expect((await cli(words('people update ana@example.com --disabled false'))).exitCode).toBe(0)
    expect((await cli(words('agents resume cursor-ops --reason fine'))).stdout).toMatch(/^status +active$/mu)
  })

  test('mint a token for single use, and one that rotates within networks, and show their status', async () => {
    const single = await cli(
      words('tokens create --agent-id cursor-ops --name ci --groups edge --ttl-seconds 60 --single-use --json'),
    )
    expect(JSON.parse(single.stdout)).toMatchObject({ token: { singleUse: true, autoRotate: null, status: 'active' } })
    const expiresAt = new Date(Date.now() + 172_800_000).toISOString()
    const rotating = await cli(
      words(
        `tokens create --agent-id cursor-ops --name away --groups edge --expires-at ${expiresAt} --auto-rotate-every 3600 --auto-rotate-overlap 60 --cidr 10.0.0.0/24,2001:db8::/32 --json`,
      ),
    )
    const { token } = JSON.parse(rotating.stdout)
    expect(token).toMatchObject({
      expiresAt,
      singleUse: false,
      autoRotate: { everySeconds: 3600, overlapSeconds: 60 },
      cidrs: ['10.0.0.0/24', '2001:db8::/32'],
    })
    const shown = (await cli(words(`tokens show ${token.id}`))).stdout
    expect(shown).toMatch(/^status +active$/mu)
    expect(shown).toMatch(/^rotateAfter +20/mu)
    expect((await cli(words('tokens list --agent cursor-ops'))).stdout).toMatch(/ away +clk_mcp_\w{4} +active /)
    const both = words('tokens create --agent-id cursor-ops --name x --groups edge --ttl-seconds 60 --single-use')
    const refused = await cli([...both, ...words('--auto-rotate-every 1 --auto-rotate-overlap 1')])
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('cannot rotate') })
  })

  test('print a new token once, with a snippet per client', async () => {
    const created = await cli(words('tokens create --agent-id cursor-ops --name laptop --groups edge --ttl-seconds 60'))
    expect(created.stdout).toMatch(/export CERTLOCKER_MCP_TOKEN=clk_mcp_\w{49}\n/)
    for (const client of ['Claude Code', 'Cursor', 'Windsurf', 'OpenHands']) expect(created.stdout).toContain(client)
    expect((await cli(words('tokens list --agent cursor-ops --json'))).stdout).not.toMatch(/clk_mcp_\w{49}/)
  })

  test('read a value from standard input, or from a file, and never from the command line', async () => {
    const piped = await cli(words('secrets create --name edge-key --groups edge --value-file -'), {
      stdin: 'line one\nline two\n',
    })
    expect(piped).toMatchObject({ exitCode: 0 })
    const file = join(folder, 'value')
    await writeFile(file, 'second')
    expect((await cli(['secrets', 'add-version', 'edge-key', '--value-file', file])).stdout).toMatch(/^version +1$/mu)
    const { api, value } = await operator(gateway, 'rev@example.com', ['edge'])
    expect((await api.post('/secrets/edge-key/reveal', { version: 0 })).body).toMatchObject({
      value: 'line one\nline two',
    })
    expect((await cliFor(gateway.url, value)(words('secrets reveal edge-key'))).stdout).toBe('second\n')
    expect(await cli(words('secrets create --name x --groups edge --value typed'))).toMatchObject({ exitCode: 2 })
  })

  test('take the whole body from a file, and flags over it', async () => {
    const file = join(folder, 'group.json')
    await writeFile(file, JSON.stringify({ name: 'from-file', environment: 'staging', description: 'as in the file' }))
    const created = await cli(['groups', 'create', '--file', file, '--environment', 'development', '--json'])
    expect(JSON.parse(created.stdout)).toMatchObject({
      name: 'from-file',
      environment: 'development',
      description: 'as in the file',
    })
  })

  test('read pages until there are as many as asked for', async () => {
    for (let index = 0; index < 3; index++)
      await gateway.api.create('/groups', { name: `many-${index}`, environment: 'staging' })
    const two = await cli(words('groups list --limit 2'))
    expect(two.stdout.trimEnd().split('\n')).toHaveLength(4)
    expect(two.stdout).toContain('there are more')
    expect(JSON.parse((await cli(words('groups list --json'))).stdout).nextCursor).toBeNull()
  })
})

describe('exit codes', () => {
  test.each([
    ['an unknown command', 'agnets list', 2],
    ['an unknown flag', 'agents list --colour', 2],
    ['a missing flag', 'groups create --name x', 2],
    ['a value outside the choice', 'groups create --name x --environment moon', 2],
    ['a number that is none', 'agents list --limit many', 2],
    ['what is not there', 'agents show nobody', 1],
    ['a taken name', 'groups create --name edge --environment staging', 1],
  ])('for %s: %s', async (_, line, exitCode) => {
    const outcome = await cli(words(line))
    expect(outcome).toMatchObject({ exitCode, stdout: '' })
    expect(outcome.stderr).not.toBe('')
  })

  test('are 3 for a wrong key and for a denial', async () => {
    const wrong = await cliFor(gateway.url, 'wrong')(words('agents list'))
    expect(wrong).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('Authentication failed') })
    const { value } = await operator(gateway, 'den@example.com', ['edge'])
    const denied = await cliFor(gateway.url, value)(words('groups create --name y --environment staging'))
    expect(denied).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/ROLE_NOT_PERMITTED: .+ \(request req_\w+\)/),
    })
  })

  test('are 2 without a key and 1 without a gateway, each with the remedy', async () => {
    expect(await cliFor(gateway.url, undefined)(words('agents list'))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('CERTLOCKER_API_KEY is not set: export'),
    })
    expect(await cliFor('http://127.0.0.1:1', 'key')(words('agents list'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('http://127.0.0.1:1 cannot be reached: start'),
    })
  })

  test('are 0 for help and version', async () => {
    expect(await cli(words('agents create --help'))).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('--risk-level <riskLevel>'),
    })
    const { stdout } = await cli(['version'])
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(await cli(['--version'])).toMatchObject({ exitCode: 0, stdout })
    expect(JSON.parse((await cli(['version', '--json'])).stdout)).toEqual({ version: stdout.trim() })
  })
})
