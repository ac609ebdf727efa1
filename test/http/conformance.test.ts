import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiPrefix, routes } from '../../src/transport/rest/routes.ts'
import { connect } from '../support/agent.ts'
import { aCertificate } from '../support/certificates.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import type { Body, RestClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let ope: Person
let bo: Person
let ids: { readonly [name: string]: string }

beforeAll(async () => {
  gateway = await testGateway()
  await gateway.api.create('/groups', { name: 'spare', environment: 'staging' })
  const tokens = await given(gateway, {
    agents: [
      { name: 'bot', groups: ['edge'] },
      { name: 'deployer', groups: ['prod'] },
    ],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-key', groups: ['prod'] },
    ],
    hosts: [{ name: 'edge-1', groups: ['edge'] }],
  })
  ope = await operator(gateway, 'ope@example.com', ['edge'])
  bo = await person(gateway, 'bo@example.com', 'approver', ['prod'])
  const agent = await connect(gateway.url, tokens['deployer'] ?? '')
  await agent.calls('certlocker_get_secret', { name: 'prod-key', version: 0 })
  await agent.calls('certlocker_get_secret', { name: 'prod-key' })
  await agent.close()
  const reader = await connect(gateway.url, tokens['bot'] ?? '')
  await reader.calls('certlocker_get_secret', { name: 'edge-key' })
  await reader.close()
  const probe = await gateway.api.create('/probes', { target: 'nowhere.invalid:443', groups: ['edge'] })
  const first = async (path: string) => String(itemsOf((await gateway.api.get(path)).body)[0]?.['id'])
  ids = {
    approval: await first('/approvals'),
    otherApproval: await first('/approvals?order=asc'),
    session: await first('/sessions'),
    token: await first('/tokens'),
    apiKey: await first('/api-keys'),
    sshSession: String((await ope.api.create('/ssh-sessions', { host: 'edge-1' }))['sessionId']),
    kill: String((await gateway.api.post('/kill', { kind: 'group', id: 'spare', ...why })).body['id']),
    probe: String(probe['id']),
    decision: await decisionAboutAgent(),
    policy: String(JSON.parse(JSON.stringify((await gateway.api.get('/policy')).body)).active.digest),
  }
})
afterAll(() => gateway.stop())

async function decisionAboutAgent(): Promise<string> {
  const { body } = await gateway.api.get('/agents/deployer/audit?type=AI_AGENT_APPROVAL_REQUIRED')
  return String(itemsOf(body)[0]?.['decisionId'])
}

interface Step {
  readonly id: string
  /** What stands in for the path's parameter. */
  readonly of?: string
  readonly query?: string
  readonly body?: Body
  readonly as?: 'operator' | 'approver'
}

const agentBody = { owner, riskLevel: 'low', scopes: ['secret:read'], groups: ['edge'] }
const why = { reason: 'test' }

const steps = (): readonly Step[] => [
  { id: 'createGroup', body: { name: 'fresh', environment: 'development' } },
  { id: 'listGroups' },
  { id: 'getGroup', of: 'fresh' },
  { id: 'updateGroup', of: 'fresh', body: { description: 'x' } },
  { id: 'createPerson', body: { email: 'new@example.com', name: 'New', role: 'approver', groups: ['edge'] } },
  { id: 'listPeople' },
  { id: 'getPerson', of: 'new@example.com' },
  { id: 'updatePerson', of: 'new@example.com', body: { disabled: true } },
  { id: 'createApiKey', body: { person: owner, name: 'k', ttlSeconds: 60 } },
  { id: 'listApiKeys' },
  { id: 'createAgent', body: { name: 'fresh', ...agentBody } },
  { id: 'listAgents' },
  { id: 'getAgent', of: 'fresh' },
  { id: 'updateAgent', of: 'fresh', body: { riskLevel: 'high' } },
  { id: 'suspendAgent', of: 'fresh', body: why },
  { id: 'resumeAgent', of: 'fresh', body: why },
  { id: 'listAgentSessions', of: 'deployer' },
  { id: 'listAgentAudit', of: 'deployer' },
  { id: 'listAgentHistory', of: 'fresh' },
  { id: 'listAgentAccess', of: 'bot' },
  { id: 'listAgentExposure', of: 'bot' },
  { id: 'listAccess', query: '?environment=staging' },
  { id: 'revokeAgent', of: 'fresh', body: why },
  { id: 'createToken', body: { agentId: 'bot', name: 't', groups: ['edge'], ttlSeconds: 60 } },
  { id: 'listTokens' },
  { id: 'getToken', of: ids['token'] ?? '' },
  { id: 'createSecret', body: { name: 'fresh', groups: ['edge'], value: 'v' } },
  { id: 'listSecrets' },
  { id: 'getSecret', of: 'fresh' },
  { id: 'updateSecret', of: 'fresh', body: { description: 'x' } },
  { id: 'addSecretVersion', of: 'fresh', body: { value: 'w' } },
  { id: 'listSecretVersions', of: 'fresh' },
  { id: 'restoreSecret', of: 'fresh', body: { version: 0 } },
  { id: 'revealSecret', of: 'fresh', as: 'operator' },
  { id: 'deleteSecret', of: 'fresh' },
  {
    id: 'createHost',
    body: {
      name: 'fresh',
      address: '192.0.2.1',
      groups: ['edge'],
      principals: ['deploy'],
      modes: ['exec'],
      hostKeys: hostKeys(),
      credential: { kind: 'certificate' },
    },
  },
  { id: 'listHosts' },
  { id: 'getHost', of: 'edge-1' },
  { id: 'updateHost', of: 'edge-1', body: { credential: { kind: 'secret', secret: 'edge-key' } } },
  { id: 'getSshCa' },
  { id: 'createSshSession', body: { host: 'edge-1' }, as: 'operator' },
  { id: 'listSshSessions' },
  { id: 'getSshSession', of: ids['sshSession'] ?? '' },
  { id: 'endSshSession', of: ids['sshSession'] ?? '' },
  { id: 'createCertificate', body: { name: 'fresh', groups: ['edge'], ...upload() } },
  { id: 'listCertificates' },
  { id: 'getCertificate', of: 'fresh' },
  { id: 'updateCertificate', of: 'fresh', body: { groups: ['edge'] } },
  { id: 'addCertificateVersion', of: 'fresh', body: upload() },
  { id: 'listCertificateVersions', of: 'fresh' },
  { id: 'listCertificateOrders', of: 'fresh' },
  { id: 'listKills' },
  { id: 'getKill', of: ids['kill'] ?? '' },
  { id: 'liftKill', of: ids['kill'] ?? '', body: why },
  { id: 'createProbe', body: { target: 'nowhere.invalid:443', groups: ['edge'] } },
  { id: 'listProbes' },
  { id: 'getProbe', of: ids['probe'] ?? '' },
  { id: 'updateProbe', of: ids['probe'] ?? '', body: { everySeconds: 600 } },
  { id: 'listSessions' },
  { id: 'listApprovals' },
  { id: 'getApproval', of: ids['approval'] ?? '' },
  { id: 'approveApproval', of: ids['approval'] ?? '', body: { comment: 'yes' }, as: 'approver' },
  { id: 'denyApproval', of: ids['otherApproval'] ?? '', as: 'approver' },
  { id: 'endSession', of: ids['session'] ?? '' },
  { id: 'listAuditEvents', query: '?limit=200' },
  { id: 'exportAudit' },
  { id: 'listCheckpoints' },
  { id: 'getAuditKey' },
  { id: 'getInclusionProof', of: '1' },
  { id: 'verifyAudit' },
  { id: 'getPolicy' },
  { id: 'evaluatePolicy', body: { decisionId: ids['decision'] ?? '' } },
  { id: 'replayPolicy', body: { digest: ids['policy'] ?? '' } },
  { id: 'kill', body: { kind: 'agent', id: 'bot', ...why } },
  { id: 'revokeToken', of: ids['token'] ?? '' },
  { id: 'revokeApiKey', of: ids['apiKey'] ?? '' },
]

function upload(): Body {
  const { certificate, key } = aCertificate({ subject: 'edge.example.com', domains: ['edge.example.com'] })
  return { chain: certificate, privateKey: key }
}

/** Asked where there is what they need: bundles to push, an issuer, a session that was recorded. */
const elsewhere = new Set([
  'pushPolicyBundle',
  'activatePolicyBundle',
  'discardPolicyBundle',
  'rollbackPolicy',
  'renewCertificate',
  'getSshRecording',
])

describe('every route', () => {
  test('answers with the status, content type and schema that OpenAPI promises', async () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false })
    addFormats.default(ajv)
    const problems: unknown[] = []
    for (const step of steps()) {
      const route = routes.find(({ id }) => id === step.id)
      if (route === undefined) throw new Error(`no route ${step.id}`)
      const path = route.path.replace(/:\w+/u, encodeURIComponent(step.of ?? ''))
      const { status, headers, body } = await send(
        { admin: gateway.api, operator: ope.api, approver: bo.api }[step.as ?? 'admin'],
        route.method,
        `${path}${step.query ?? ''}`,
        step.body,
      )
      const validate = ajv.compile(route.response)
      const answered = 'text' in body ? body['text'] : body
      if (
        status !== route.status ||
        headers.get('content-type')?.split(';')[0] !== route.contentType ||
        !validate(answered)
      ) {
        problems.push({ id: step.id, status, type: headers.get('content-type'), errors: validate.errors, body })
      }
    }
    expect(problems).toEqual([])
  })

  test('is in this test', () => {
    expect(
      steps()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(
      routes
        .map(({ id }) => id)
        .filter((id) => !elsewhere.has(id))
        .toSorted(),
    )
  })

  test('needs a key, also for what is not there', async () => {
    for (const { method, path } of routes) {
      const answer = await fetch(`${gateway.url}${apiPrefix}${path.replace(/:\w+/u, 'nobody')}`, { method })
      expect([method, path, answer.status]).toEqual([method, path, 401])
      await answer.body?.cancel()
    }
  })
})

function send(api: RestClient, method: string, path: string, body: Body = {}) {
  if (method === 'GET') return api.get(path)
  if (method === 'DELETE') return api.delete(path)
  return method === 'PATCH' ? api.patch(path, body) : api.post(path, body)
}

/** An Ed25519 key line: the algorithm, then 32 bytes, each with its length. */
function hostKeys(): string[] {
  const name = Buffer.from('ssh-ed25519')
  const length = (bytes: number) => Buffer.from([0, 0, 0, bytes])
  const blob = Buffer.concat([length(name.length), name, length(32), Buffer.alloc(32, 7)])
  return [`ssh-ed25519 ${blob.toString('base64')}`]
}
