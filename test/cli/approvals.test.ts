import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { type Cli, cliFor } from '../support/cli.ts'
import { given } from '../support/given.ts'
import { person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const ASK = 'certlocker_request_approval'

let gateway: TestGateway
let cli: Cli
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [{ name: 'deployer', groups: ['prod'], scopes: ['secret:read', 'approval:request'] }],
    secrets: ['one', 'two', 'three'].map((name) => ({ name, groups: ['prod'] })),
  })
  cli = cliFor(gateway.url, (await person(gateway, 'bo@example.com', 'approver', ['prod'])).value)
})
afterAll(() => gateway.stop())

async function ask(name: string, reason: string): Promise<string> {
  const agent = await connect(gateway.url, tokens['deployer'] ?? '')
  const action = { tool: 'certlocker_get_secret', arguments: { name } }
  return String((await agent.calls(ASK, { action, reason })).structured['approvalId'])
}

describe('certlocker approvals', () => {
  test('shows the facts first and the claim of the agent as such, which cannot forge a line', async () => {
    const id = await ask('one', 'routine\nrisk level  low')
    const { stdout } = await cli(['approvals', 'show', id])
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(new RegExp(`^id +${id}$`, 'u'))
    expect(stdout).toMatch(/^risk level +medium$/mu)
    expect(stdout).toMatch(/^arguments +\{"name":"one"\}$/mu)
    expect(stdout).toMatch(/^resource +secret one$/mu)
    expect(stdout).toMatch(/^environment +production$/mu)
    expect(stdout).toMatch(/^the agent claims +routine\\nrisk level {2}low$/mu)
    expect(lines.filter((line) => line.startsWith('risk level'))).toHaveLength(1)
  })

  test('approves and denies with a comment, and tells a refusal by its exit code', async () => {
    const [first, second] = [await ask('two', 'x'), await ask('three', 'x')]
    const approved = await cli(['approvals', 'approve', first, '--comment', 'CHG-7', '--json'])
    expect(JSON.parse(approved.stdout)).toMatchObject({ status: 'approved', votes: [{ comment: 'CHG-7' }] })
    expect((await cli(['approvals', 'deny', second])).stdout).toMatch(/^status +denied$/mu)
    expect((await cli(['approvals', 'approve', second])).exitCode).toBe(1)
    expect((await cliFor(gateway.url, gateway.adminKey)(['approvals', 'approve', first])).exitCode).toBe(3)
    expect((await cli(['approvals', 'list', '--status', 'denied'])).stdout).toContain(second)
  })

  test('watches what waits, each once, and what comes', async () => {
    const stop = new AbortController()
    let comes: Promise<string> | undefined
    const { exitCode, stdout } = await cli(['approvals', 'watch', '--json'], {
      interrupted: stop.signal,
      onOutput: (soFar) => {
        const shown = soFar.trim().split('\n').length
        if (shown === 1)
          comes ??= gateway.api.create('/secrets/two/versions', { value: 'next' }).then(() => ask('two', 'y'))
        if (shown === 2) stop.abort()
      },
    })
    expect(exitCode).toBe(0)
    const seen = stdout
      .trim()
      .split('\n')
      .map((line) => String(JSON.parse(line)['id']))
    expect(seen.at(-1)).toBe(await comes)
    expect(new Set(seen).size).toBe(2)
  })
})
