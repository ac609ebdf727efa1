import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type ToolAnswer } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const SECRETS = 120
const SECRETS_PER_HOUR_MAX = 100
const DENIED_NAMES_PER_MINUTE_MAX = 25

const names = Array.from({ length: SECRETS }, (_, index) => `secret-${index}`)

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'reader', groups: ['staging'] },
      { name: 'guesser', groups: ['staging'] },
    ],
    secrets: names.map((name) => ({ name, groups: ['staging'] })),
  })
})
afterAll(() => gateway.stop())

async function allAtOnce(agentName: string, wanted: readonly string[]): Promise<readonly ToolAnswer[]> {
  const agent = await connect(gateway.url, tokens[agentName] ?? '')
  const answers = await Promise.allSettled(wanted.map((name) => agent.calls('certlocker_get_secret', { name })))
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

describe('calls that an agent makes all at once', () => {
  test('read as many distinct secrets as the budget allows, and not one more', async () => {
    const answers = await allAtOnce('reader', names)
    const codes = answers.map(({ structured }) => structured['code'] ?? structured['status'])
    expect(codes.filter((code) => code === 'ok')).toHaveLength(SECRETS_PER_HOUR_MAX)
    expect(codes.filter((code) => code === 'READ_BUDGET_EXCEEDED')).toHaveLength(SECRETS - SECRETS_PER_HOUR_MAX)
  })

  test('count towards the burst of denials like calls one after another', async () => {
    await allAtOnce(
      'guesser',
      names.map((name) => `no-such-${name}`),
    )
    const { body } = await gateway.api.get('/audit?limit=200&agent=guesser&type=AI_AGENT_POLICY_DENIED')
    const denials = body['items'] as readonly { readonly reasons: readonly { readonly code: string }[] }[]
    const unhindered = denials.filter(({ reasons }) => reasons.every(({ code }) => code !== 'DENIAL_BURST'))
    expect(unhindered).toHaveLength(DENIED_NAMES_PER_MINUTE_MAX)
    expect((await gateway.api.get('/agents/guesser')).body).toMatchObject({ status: 'suspended' })
  })
})
