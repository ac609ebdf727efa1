import type { TestGateway } from './test-gateway.ts'

interface AgentGiven {
  readonly name: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  readonly riskLevel: string
}

interface SecretGiven {
  readonly name: string
  readonly groups: readonly string[]
  readonly value: string
}

/** What a test starts from. Names of groups that begin with `prod` are production, all others staging. */
export interface Given {
  readonly agents?: readonly (Pick<AgentGiven, 'name' | 'groups'> & Partial<AgentGiven>)[]
  readonly secrets?: readonly (Pick<SecretGiven, 'name' | 'groups'> & Partial<SecretGiven>)[]
  readonly hosts?: readonly { readonly name: string; readonly groups: readonly string[] }[]
}

/** A well-formed key that belongs to no machine. */
const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'

export const owner = 'ana@example.com'

/** Registers what is given and mints a token for each agent. @returns the tokens by agent name */
export async function given(
  gateway: Pick<TestGateway, 'api'>,
  { agents = [], secrets = [], hosts = [] }: Given,
): Promise<Readonly<Record<string, string>>> {
  const groups = [...new Set([...agents, ...secrets, ...hosts].flatMap((each) => each.groups))]
  for (const name of groups) {
    await gateway.api.create('/groups', { name, environment: name.startsWith('prod') ? 'production' : 'staging' })
  }
  await gateway.api.create('/people', { email: owner, name: 'Ana Owner', role: 'operator', groups })
  for (const { name, groups: of, value = `value-of-${name}` } of secrets) {
    await gateway.api.create('/secrets', { name, groups: of, type: 'password', value })
  }
  for (const { name, groups: of } of hosts) {
    await gateway.api.create('/hosts', {
      name,
      address: '192.0.2.7',
      port: 22,
      groups: of,
      principals: ['deploy'],
      modes: ['exec'],
      hostKeys: [hostKey],
      credential: { kind: 'certificate' },
    })
  }
  const tokens: Record<string, string> = {}
  for (const { name, groups: of, scopes = ['secret:read'], riskLevel = 'medium' } of agents) {
    await gateway.api.create('/agents', { name, owner, riskLevel, scopes, groups: of })
    const { value } = await gateway.api.create('/tokens', { agentId: name, name: 'test', groups: of, ttlSeconds: 3600 })
    tokens[name] = String(value)
  }
  return tokens
}
