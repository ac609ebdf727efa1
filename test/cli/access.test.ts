import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { type Cli, cliFor } from '../support/cli.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let cli: Cli

const words = (line: string) => line.split(' ')

beforeAll(async () => {
  gateway = await testGateway()
  cli = cliFor(gateway.url, gateway.adminKey)
  const tokens = await given(gateway, {
    agents: [{ name: 'cursor-ops', groups: ['edge'] }],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-db-password', groups: ['prod'] },
    ],
  })
  const agent = await connect(gateway.url, tokens['cursor-ops'] ?? '')
  await agent.calls('certlocker_get_secret', { name: 'edge-key' })
  await agent.close()
})
afterAll(() => gateway.stop())

describe('the auditor on the command line', () => {
  test('sees who can reach a resource or an environment, one line each', async () => {
    expect((await cli(words('access --resource edge-key'))).stdout).toMatch(
      /^PRINCIPAL +RESOURCE +ACTION +EFFECT +REASONS +PATH +TOKENS\n.*\nagent cursor-ops +secret edge-key +secret\.read +allow +SCOPE_HELD +scope secret:read, group edge +1\n$/su,
    )
    const { stdout } = await cli(words('access --environment production --json'))
    expect(JSON.parse(stdout)).toMatchObject({ items: expect.any(Array), nextCursor: null })
  })

  test('asks with either a resource or an environment: exit code 2', async () => {
    for (const line of ['access', 'access --resource edge-key --environment production'])
      expect(await cli(words(line))).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('either') })
  })

  test('sees what an agent could do and what it has read', async () => {
    expect((await cli(words('agents access cursor-ops'))).stdout).toMatch(/^secret edge-key +secret\.read +allow +/mu)
    expect((await cli(words('agents exposure cursor-ops'))).stdout).toMatch(
      /^edge-key +0 +current +1 +\S+Z +edge +staging$/mu,
    )
    expect((await cli(words('agents sessions cursor-ops'))).stdout).toMatch(/^ses_/mu)
  })

  test('sees how it and its tokens changed', async () => {
    await cli(words('agents update cursor-ops --risk-level high'))
    const { stdout } = await cli(words('agents history cursor-ops'))
    expect(stdout).toMatch(/AGENT_UPDATED +bootstrap-admin +cursor-ops +riskLevel medium → high\n/u)
    expect(stdout).toMatch(/MCP_TOKEN_CREATED +bootstrap-admin +test +-\n/u)
  })
})
