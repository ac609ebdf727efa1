import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, connect } from '../support/agent.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const READ = 'certlocker_get_secret'
const LOGIN = 'staging-login-password'

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let ana: Person
let agent: Agent

beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: [
      { name: 'e2e-agent', groups: ['staging'] },
      { name: 'anas-agent', groups: ['staging'], scopes: ['secret:read', 'private_secret:read'] },
    ],
    secrets: [{ name: LOGIN, groups: ['staging'], value: 'S3cret!0' }],
  })
  const { value } = await gateway.api.create('/api-keys', { person: owner, name: 'test', ttlSeconds: 3600 })
  ana = { email: owner, value: String(value), api: restClient(gateway.url, String(value)) }
  agent = await connect(gateway.url, tokens['e2e-agent'] ?? '')
})
afterAll(() => gateway.stop())

const reads = async (name = LOGIN, version?: number) =>
  (await agent.calls(READ, { name, ...(version === undefined ? {} : { version }) })).structured
const versions = async () => itemsOf((await ana.api.get(`/secrets/${LOGIN}/versions`)).body)

describe('S6: a login was rotated to v4 by mistake', () => {
  beforeAll(async () => {
    for (const version of [1, 2, 3]) await ana.api.create(`/secrets/${LOGIN}/versions`, { value: `S3cret!${version}` })
    expect(await reads()).toMatchObject({ version: 3, value: 'S3cret!3' })
    await gateway.api.create(`/secrets/${LOGIN}/versions`, { value: 'a typo' })
    expect(await reads()).toMatchObject({ version: 4, value: 'a typo' })
    expect((await ana.api.post(`/secrets/${LOGIN}/restore`, { version: 3 })).body).toMatchObject({ version: 5 })
  })

  test('the restored content is a new version, and the next read of the agent gets it', async () => {
    expect(await reads()).toMatchObject({ status: 'ok', version: 5, value: 'S3cret!3' })
  })

  test('the history is whole: each version, who made it, and what was restored', async () => {
    const [admin] = (await versions()).filter(({ version }) => version === 4).map(({ createdBy }) => createdBy)
    const anas = (await versions()).find(({ version }) => version === 5)?.['createdBy']
    expect(anas).not.toBe(admin)
    expect(
      (await versions()).map(({ version, restoredFrom, createdBy }) => [version, restoredFrom, createdBy]),
    ).toEqual([
      [5, 3, anas],
      [4, null, admin],
      [3, null, anas],
      [2, null, anas],
      [1, null, anas],
      [0, null, admin],
    ])
    const [restored] = itemsOf((await gateway.api.get(`/audit?type=SECRET_RESTORED&resource=${LOGIN}`)).body)
    expect(restored).toMatchObject({ actor: { kind: 'person', name: owner }, resource: { name: LOGIN } })
  })

  test('what was read before still names its version, and what is to be rotated is said for each', async () => {
    const { body } = await gateway.api.get(`/audit?agent=e2e-agent&type=AI_AGENT_CALL_COMPLETED&order=asc`)
    const read = itemsOf(body).map(({ resource }) => (resource as { readonly version: unknown }).version)
    expect(read.slice(0, 2)).toEqual([3, 4])
    const exposure = itemsOf((await gateway.api.get('/agents/e2e-agent/exposure')).body)
    expect(new Set(exposure.map(({ version }) => version))).toEqual(new Set([3, 4, 5]))
  })

  test('no answer of REST has a value in it, and the agent has no door to the history', async () => {
    expect(JSON.stringify([await versions(), (await ana.api.get(`/secrets/${LOGIN}`)).body])).not.toMatch(/S3cret|typo/)
    for (const path of [`/secrets/${LOGIN}/versions`, `/secrets/${LOGIN}`])
      expect((await restClient(gateway.url, agent.token).get(path)).status).toBe(401)
    expect(await agent.toolNames()).not.toContainEqual(expect.stringMatching(/version|history|restore/))
  })
})

describe('who comes near a secret', () => {
  let others: Person
  let auditor: Person
  beforeAll(async () => {
    others = await operator(gateway, 'bob@example.com', ['staging'])
    auditor = await person(gateway, 'aud@example.com', 'auditor')
    await ana.api.create('/secrets', { name: 'anas-token', kind: 'private', owner, value: 'of-ana' })
    await ana.api.create('/secrets', {
      name: 'signing-key',
      groups: ['staging'],
      disclosure: 'use_only',
      value: 'used',
    })
    await gateway.api.create('/agents', {
      name: 'bobs-agent',
      owner: others.email,
      riskLevel: 'low',
      scopes: ['private_secret:read'],
      groups: ['staging'],
    })
    const bobs = { agentId: 'bobs-agent', name: 'test', groups: ['staging'], ttlSeconds: 3600 }
    const { value } = await gateway.api.create('/tokens', bobs)
    tokens = { ...tokens, 'bobs-agent': String(value) }
  })

  test.each([
    ['shared', LOGIN, 'e2e-agent', 'ok'],
    ['private', 'anas-token', 'anas-agent', 'ok'],
    ['private', 'anas-token', 'e2e-agent', 'SCOPE_MISSING'],
    ['private', 'anas-token', 'bobs-agent', 'RESOURCE_UNKNOWN'],
    ['use_only', 'signing-key', 'e2e-agent', 'DISCLOSURE_USE_ONLY'],
    ['use_only', 'signing-key', 'anas-agent', 'DISCLOSURE_USE_ONLY'],
  ])('%s: %s is read by %s: %s', async (_, name, who, expected) => {
    const { structured } = await (await connect(gateway.url, tokens[who] ?? '')).calls(READ, { name })
    expect(structured['code'] ?? structured['status']).toBe(expected)
    expect('value' in structured).toBe(expected === 'ok')
  })

  test.each([
    ['ana', 'anas-token', 200, 200],
    ['bob', 'anas-token', 403, 403],
    ['the auditor', 'anas-token', 200, 403],
    ['ana', 'signing-key', 200, 200],
    ['bob', LOGIN, 200, 200],
  ])('%s is shown %s: %s, and its value: %s', async (who, name, shown, revealed) => {
    const { api } = who === 'ana' ? ana : who === 'bob' ? others : auditor
    expect((await api.get(`/secrets/${name}`)).status).toBe(shown)
    expect((await api.post(`/secrets/${name}/reveal`)).status).toBe(revealed)
  })
})
