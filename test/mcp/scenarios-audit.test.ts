import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import knexOf, { type Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, connect } from '../support/agent.ts'
import { cliFor } from '../support/cli.ts'
import { given, owner } from '../support/given.ts'
import { type IdTokenIssuer, idTokenIssuer } from '../support/id-token-issuer.ts'
import { itemsOf, namesIn } from '../support/items.ts'
import { type Person, person } from '../support/person.ts'
import type { Body } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let issuer: IdTokenIssuer
let tokens: Readonly<Record<string, string>>
let auditor: Person
let folder: string

beforeAll(async () => {
  issuer = await idTokenIssuer()
  gateway = await testGateway(issuer.settings)
  folder = await mkdtemp(join(tmpdir(), 'certlocker-scenarios-'))
  tokens = await given(gateway, {
    agents: [
      { name: 'cursor-ops', groups: ['edge'], scopes: ['secret:read', 'host:read'] },
      { name: 'second-agent', groups: ['edge', 'prod'], riskLevel: 'low' },
      { name: 'deploy-bot', groups: ['prod'], riskLevel: 'low' },
      { name: 'paused', groups: ['edge', 'prod'], riskLevel: 'low' },
    ],
    secrets: [
      { name: 'edge-key', groups: ['edge'], value: 'value-of-the-edge' },
      { name: 'prod-db-password', groups: ['prod'] },
    ],
    hosts: [{ name: 'prod-db-01', groups: ['prod'] }],
  })
  auditor = await person(gateway, 'aud@example.com', 'auditor')
})
afterAll(async () => {
  await gateway.stop()
  await issuer.stop()
  await rm(folder, { recursive: true, force: true })
})

async function as(agent: string, headers: Readonly<Record<string, string>> = {}): Promise<Agent> {
  return connect(gateway.url, tokens[agent] ?? '', { name: agent, headers })
}

const reads = (agent: Agent, name = 'edge-key') => agent.calls('certlocker_get_secret', { name })
const askedOf = async ({ api }: Person, path: string) => itemsOf((await api.get(path)).body)
const nameOf = (part: unknown) => String((part as Body)['name'])

describe('an admin suspends an agent in the middle of its session', () => {
  let agent: Agent
  let rightsBefore: readonly Body[]
  beforeAll(async () => {
    agent = await as('paused')
    rightsBefore = await askedOf(auditor, '/agents/paused/access')
    expect((await reads(agent)).isError).toBe(false)
    expect((await reads(agent, 'prod-db-password')).structured).toMatchObject({ status: 'approval_required' })
    await gateway.api.create('/agents/paused/suspend', { reason: 'reads at night' })
  })

  test('its very next call is refused, whatever was allowed before, and the reason is on record', async () => {
    await expect(reads(agent)).rejects.toThrow()
    const [refused] = await askedOf(auditor, '/audit?type=AI_AGENT_AUTH_FAILED&agent=paused')
    expect(refused).toMatchObject({ code: 'AGENT_SUSPENDED', agent: { name: 'paused' } })
  })

  test('it could do nothing now, and its pending approval comes to nothing meanwhile', async () => {
    for (const { actions } of await askedOf(auditor, '/agents/paused/access'))
      expect(actions).toMatchObject([{ effect: 'deny', reasons: [{ code: 'AGENT_SUSPENDED' }] }])
    expect(await askedOf(auditor, '/approvals?agent=paused')).toHaveLength(1)
    await expect(reads(agent, 'prod-db-password')).rejects.toThrow()
  })

  test('resumed, it has the same rights as before, and the history says who did what, when and why', async () => {
    await gateway.api.create('/agents/paused/resume', { reason: 'a planned job' })
    const again = await as('paused')
    expect((await reads(again)).isError).toBe(false)
    expect(await askedOf(auditor, '/agents/paused/access')).toEqual(rightsBefore)
    const [resumed, suspended] = await askedOf(auditor, '/agents/paused/history')
    expect(suspended).toMatchObject({
      type: 'AGENT_SUSPENDED',
      at: expect.stringMatching(/Z$/),
      actor: { name: 'bootstrap-admin' },
      details: { reason: 'reads at night', before: { status: 'active' }, after: { status: 'suspended' } },
    })
    expect(resumed).toMatchObject({ type: 'AGENT_RESUMED', details: { reason: 'a planned job' } })
  })
})

describe('an admin revokes an agent', () => {
  let revoked: Agent
  beforeAll(async () => {
    revoked = await as('deploy-bot')
    expect((await reads(revoked, 'prod-db-password')).structured).toMatchObject({ status: 'approval_required' })
    await gateway.api.create('/agents/deploy-bot/revoke', { reason: 'compromised' })
  })

  test('its token is refused, its session ended, its approval cancelled', async () => {
    await expect(reads(revoked)).rejects.toThrow()
    await expect(as('deploy-bot')).rejects.toThrow()
    expect((await askedOf(auditor, '/tokens?agent=deploy-bot')).map(({ status }) => status)).toEqual(['revoked'])
    expect(await askedOf(auditor, '/approvals?agent=deploy-bot')).toMatchObject([{ status: 'cancelled' }])
    for (const session of await askedOf(auditor, '/agents/deploy-bot/sessions'))
      expect(session).toMatchObject({ status: 'ended', endReason: 'revoked' })
  })

  test('there is no way back', async () => {
    expect((await gateway.api.post('/agents/deploy-bot/resume', { reason: 'sorry' })).status).toBe(409)
    expect(
      (await gateway.api.post('/tokens', { agentId: 'deploy-bot', name: 'new', groups: ['prod'], ttlSeconds: 60 }))
        .status,
    ).toBe(409)
  })

  test('the second agent of its group goes on, and no value has changed', async () => {
    const other = await as('second-agent')
    expect((await reads(other)).structured).toMatchObject({ status: 'ok', version: 0, value: 'value-of-the-edge' })
    expect((await reads(other, 'prod-db-password')).structured).toMatchObject({ status: 'approval_required' })
  })
})

describe('an auditor', () => {
  test('learns who can reach production, people and agents, and by which path', async () => {
    const items = await askedOf(auditor, '/access?environment=production')
    const who = (name: string) =>
      items.filter(({ resource }) => nameOf(resource) === name).map(({ principal }) => nameOf(principal))
    expect(who('prod-db-password')).toEqual(['bootstrap-admin', owner, 'second-agent', 'paused'])
    expect(who('prod-db-01')).toEqual(['bootstrap-admin', owner])
    expect(items.find(({ principal }) => nameOf(principal) === 'second-agent')).toMatchObject({
      actions: [
        {
          effect: 'require_approval',
          path: [
            { kind: 'scope', name: 'secret:read' },
            { kind: 'group', name: 'prod' },
          ],
        },
      ],
    })
  })

  test('S25: learns which agent read a secret, who launched it by claim and by proof, and what has to be rotated', async () => {
    const claimed = { name: 'ana from the night shift', verified: false }
    const verified = { name: 'ann@example.com', verified: true }
    await reads(await as('cursor-ops', { 'X-CertLocker-Launched-By': claimed.name }))
    await reads(await as('cursor-ops', { 'X-CertLocker-Launcher-Token': await issuer.idToken(verified.name) }))
    const readers = await askedOf(auditor, '/audit?resource=edge-key&type=AI_AGENT_CALL_COMPLETED&agent=cursor-ops')
    expect(readers).toMatchObject(
      [verified, claimed].map((launcher) => ({ agent: { name: 'cursor-ops', owner }, launcher })),
    )
    expect(await askedOf(auditor, '/agents/cursor-ops/exposure')).toMatchObject([
      { secret: { name: 'edge-key' }, version: 0, state: 'current', reads: 2 },
    ])
    const sessions = await askedOf(auditor, '/agents/cursor-ops/sessions')
    expect(new Set(sessions.map(({ launcher }) => launcher))).toEqual(new Set([verified, claimed]))
    const csv = (await auditor.api.get('/audit/export?format=csv&agent=cursor-ops&resource=edge-key')).body['text']
    for (const { name } of [claimed, verified]) expect(csv).toContain(name)
  })

  test('takes the evidence of denied tries along, and it verifies with nothing but the public key', async () => {
    const agent = await as('cursor-ops')
    expect((await reads(agent, 'prod-db-password')).structured).toMatchObject({ code: 'GROUP_MISMATCH' })
    const cli = cliFor(gateway.url, auditor.value)
    const [evidence, key] = [join(folder, 'denied.ndjson'), join(folder, 'key.pem')]
    await cli(['audit', 'export', '--agent', 'cursor-ops', '--outcome', 'deny', '-o', evidence])
    await writeFile(key, String((await auditor.api.get('/audit/key')).body['text']))
    const offline = cliFor('http://127.0.0.1:1', undefined)
    const verified = await offline(['audit', 'verify', evidence, '--key', key, '--json'])
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, events: 1 })
  })

  test('changes nothing: every door that would is closed', async () => {
    expect((await auditor.api.post('/agents/cursor-ops/suspend', { reason: 'x' })).status).toBe(403)
    expect((await auditor.api.post('/secrets/edge-key/reveal', {})).status).toBe(403)
    expect(namesIn((await auditor.api.get('/secrets')).body)).toContain('prod-db-password')
  })
})

describe('the log as evidence', () => {
  let database: Knex
  beforeAll(() => {
    database = knexOf({ client: 'pg', connection: gateway.databaseUrl })
  })
  afterAll(() => database.destroy())

  test('cannot be written: a sensitive call is denied, says that nothing was done, and gives no value', async () => {
    const agent = await as('cursor-ops')
    await database.raw('ALTER TABLE audit_events ADD CONSTRAINT closed CHECK (seq < 0) NOT VALID')
    try {
      const answer = await reads(agent)
      expect(answer).toMatchObject({ isError: true, structured: { code: 'GATEWAY_AUDIT_UNAVAILABLE' } })
      expect(JSON.stringify(answer)).not.toContain('value-of-the-edge')
    } finally {
      await database.raw('ALTER TABLE audit_events DROP CONSTRAINT closed')
    }
    expect((await reads(agent)).structured).toMatchObject({ status: 'ok' })
  })

  test('betrays one altered row, to the gateway and to whoever holds an export', async () => {
    expect((await auditor.api.get('/audit/verify')).body).toMatchObject({ ok: true })
    const [denied] = await askedOf(auditor, '/audit?type=AI_AGENT_POLICY_DENIED&agent=cursor-ops')
    const seq = Number(denied?.['seq'])
    await database.raw('ALTER TABLE audit_events DISABLE TRIGGER USER')
    await database('audit_events')
      .where({ seq })
      .update({ event: database.raw(`replace(event, '"outcome":"deny"', '"outcome":"allow"')`) })
    await database.raw('ALTER TABLE audit_events ENABLE TRIGGER USER')
    expect((await auditor.api.get('/audit/verify')).body).toMatchObject({ ok: false, firstBadSeq: seq })
    for (const query of ['', '?resource=prod-db-password&agent=cursor-ops']) {
      const file = join(folder, 'altered.ndjson')
      await writeFile(file, String((await auditor.api.get(`/audit/export${query}`)).body['text']))
      const found = await cliFor(
        'http://127.0.0.1:1',
        undefined,
      )(['audit', 'verify', file, '--key', join(folder, 'key.pem')])
      expect(found).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(`firstBadSeq  ${seq}`) })
    }
  })
})
