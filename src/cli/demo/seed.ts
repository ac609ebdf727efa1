import { randomBytes } from 'node:crypto'

type Body = Record<string, unknown>

/** The REST API as the demo uses it. */
export interface Api {
  get(path: string): Promise<Body>
  post(path: string, body: Body): Promise<Body>
  patch(path: string, body: Body): Promise<Body>
}

export interface Seeded {
  readonly api: Api
  /** The same as a person who approves for prod. */
  readonly approver: Api
  readonly tokens: {
    readonly claudeCodeE2e: string
    readonly cursorOps: string
    readonly deployBot: string
    readonly certRenewal: string
  }
}

const TOKEN_SECONDS = 3600
const approverEmail = 'bo@example.com'

const groups = [
  { name: 'staging', environment: 'staging' },
  { name: 'edge', environment: 'staging' },
  { name: 'prod', environment: 'production' },
]
const secrets = [
  { name: 'staging-login-password', groups: ['staging'] },
  { name: 'prod-db-password', groups: ['prod'] },
  { name: 'prod-deploy-key', groups: ['prod'] },
]
const agents = [
  { name: 'claude-code-e2e', riskLevel: 'medium', scopes: ['secret:read'], groups: ['staging'] },
  { name: 'cursor-ops', riskLevel: 'high', scopes: ['secret:read', 'host:read'], groups: ['edge'] },
  { name: 'deploy-bot', riskLevel: 'low', scopes: ['secret:read'], groups: ['prod'] },
  { name: 'cert-renewal', riskLevel: 'low', scopes: ['certificate:read', 'probe:create'], groups: ['edge'] },
]

/** Registers groups, an owner, secrets, a host and four agents through the REST API; gives the agents fresh tokens. */
export async function seed(url: string, adminKey: string): Promise<Seeded> {
  const api = apiClient(url, adminKey)
  if (!(await exists(api, '/groups/prod'))) await register(api)
  return {
    api,
    approver: apiClient(url, await keyFor(api, approverEmail)),
    tokens: {
      claudeCodeE2e: await tokenFor(api, 'claude-code-e2e', ['staging']),
      cursorOps: await tokenFor(api, 'cursor-ops', ['edge']),
      deployBot: await tokenFor(api, 'deploy-bot', ['prod']),
      certRenewal: await tokenFor(api, 'cert-renewal', ['edge']),
    },
  }
}

async function register(api: Api): Promise<void> {
  for (const group of groups) await api.post('/groups', group)
  await api.post('/people', {
    email: 'ana@example.com',
    name: 'Ana Owner',
    role: 'operator',
    groups: groups.map(({ name }) => name),
  })
  await api.post('/people', { email: approverEmail, name: 'Bo Approver', role: 'approver', groups: ['prod'] })
  for (const secret of secrets)
    await api.post('/secrets', { ...secret, type: 'password', value: randomBytes(18).toString('base64url') })
  await api.post('/hosts', {
    name: 'edge-proxy-01',
    address: '192.0.2.10',
    groups: ['edge'],
    principals: ['deploy'],
    modes: ['exec'],
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'],
    credential: { kind: 'certificate' },
  })
  for (const agent of agents) await api.post('/agents', { ...agent, owner: 'ana@example.com' })
}

/** A fresh token of that agent. */
export async function tokenFor(api: Api, agentId: string, tokenGroups: readonly string[]): Promise<string> {
  const { value } = await api.post('/tokens', { agentId, name: 'demo', groups: tokenGroups, ttlSeconds: TOKEN_SECONDS })
  if (typeof value !== 'string') throw new Error('the gateway gave no token')
  return value
}

async function keyFor(api: Api, person: string): Promise<string> {
  const { value } = await api.post('/api-keys', { person, name: 'demo', ttlSeconds: TOKEN_SECONDS })
  if (typeof value !== 'string') throw new Error('the gateway gave no API key')
  return value
}

async function exists(api: Api, path: string): Promise<boolean> {
  const { items } = await api.get(path.slice(0, path.lastIndexOf('/')))
  return Array.isArray(items) && items.some((item: Body) => item['name'] === path.slice(path.lastIndexOf('/') + 1))
}

function apiClient(url: string, adminKey: string): Api {
  const call = async (method: string, path: string, body?: Body): Promise<Body> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer: Body = JSON.parse(await response.text())
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`)
    return answer
  }
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    patch: (path, body) => call('PATCH', path, body),
  }
}
