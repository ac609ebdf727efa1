import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyExport } from '../../src/domain/audit/verifier.js'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await testGateway()
  const tokens = await given(gateway, {
    agents: [{ name: 'cursor-ops', groups: ['edge'] }],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-db-password', groups: ['prod'] },
    ],
  })
  const agent = await connect(gateway.url, tokens['cursor-ops'] ?? '')
  await agent.calls('certlocker_get_secret', { name: 'edge-key' })
  await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
  await agent.close()
})
afterAll(() => gateway.stop())

const events = async (query: string) => itemsOf((await gateway.api.get(`/audit?${query}`)).body)

describe('the audit log', () => {
  test('is read newest first, and onwards from a sequence number', async () => {
    const seqs = (await events('limit=5')).map(({ seq }) => Number(seq))
    expect(seqs).toEqual(seqs.toSorted((a, b) => b - a))
    const onwards = await events(`afterSeq=${String(seqs[4])}&order=asc&limit=4`)
    expect(onwards.map(({ seq }) => seq)).toEqual(seqs.slice(0, 4).toReversed())
  })

  test.each([
    ['agent=cursor-ops&type=AI_AGENT_POLICY_DENIED', 1],
    ['resource=prod-db-password&outcome=deny', 1],
    ['environment=production&outcome=deny', 1],
    ['q=DB-passWORD&outcome=deny', 1],
    ['agent=cursor-ops&outcome=allow', 1],
    ['agent=nobody', 0],
    ['to=2020-01-01T00:00:00Z', 0],
    ['q=100%25', 0],
  ])('is filtered by %s', async (query, count) => {
    expect(await events(query)).toHaveLength(count)
  })

  test("is filtered by session, and by agent under the agent's path", async () => {
    const [denied] = await events('type=AI_AGENT_POLICY_DENIED')
    const bySession = await events(`session=${String(denied?.['sessionId'])}`)
    expect(bySession.length).toBeGreaterThan(2)
    const byAgent = itemsOf((await gateway.api.get('/agents/cursor-ops/audit?type=AI_AGENT_POLICY_DENIED')).body)
    expect(byAgent).toEqual([denied])
  })

  test.each(['type=NOTHING', 'from=yesterday', 'afterSeq=-1', 'outcome=maybe'])(
    'refuses the filter %s: 400',
    async (query) => {
      expect((await gateway.api.get(`/audit?${query}`)).status).toBe(400)
    },
  )

  test('verifies', async () => {
    const { body } = await gateway.api.get('/audit/verify')
    expect(body).toMatchObject({ ok: true, firstBadSeq: null, problem: null })
    expect(Number(body['size'])).toBeGreaterThan(10)
  })

  test('is exported with its proofs: the export verifies with the public key alone, and is itself on record', async () => {
    const exported = await gateway.api.get('/audit/export')
    expect(exported.headers.get('content-type')).toBe('application/x-ndjson')
    const text = String(exported.body['text'])
    const key = await gateway.api.get('/audit/key')
    expect(key.headers.get('content-type')).toBe('application/x-pem-file')
    const pem = String(key.body['text'])
    expect(await verifyExport(text, pem)).toMatchObject({ ok: true })
    expect(await verifyExport(text.replace('prod-db-password', 'prod-db-passw0rd'), pem)).toMatchObject({ ok: false })
    expect(await events('type=AUDIT_EXPORTED')).toHaveLength(1)
    expect(text).toContain('AUDIT_EXPORTED')
  })

  test('keeps what the policy was asked about a change, with the groups and environment that it would have', async () => {
    const { body } = await gateway.api.get('/audit/export')
    const lines: Line[] = String(body['text'])
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const created = lines.find(
      ({ event }) => event?.type === 'SECRET_CREATED' && event.resource?.name === 'prod-db-password',
    )
    expect(created?.input).toMatchObject({
      call: { action: 'secret.create' },
      principal: { kind: 'service', name: 'bootstrap-admin', role: 'admin' },
      resource: {
        type: 'secret',
        name: 'prod-db-password',
        groups: ['prod'],
        environment: 'production',
        exists: false,
      },
    })
  })

  test('proves one event against a signed checkpoint', async () => {
    const proof = await gateway.api.get('/audit/proof/2')
    expect(proof.body).toMatchObject({
      seq: 2,
      hashes: expect.any(Array),
      checkpoint: expect.stringContaining('certlocker/'),
    })
    const [checkpoint] = itemsOf((await gateway.api.get('/audit/checkpoints?limit=1')).body)
    expect(checkpoint).toMatchObject({ size: expect.any(Number), note: expect.stringContaining('certlocker/') })
    for (const seq of ['0', 'x', '99999', '1.5'])
      expect((await gateway.api.get(`/audit/proof/${seq}`)).status).toBe(404)
  })

  test('is for admins and auditors; an operator reads how their agents changed, not the log', async () => {
    const aud = await person(gateway, 'aud@example.com', 'auditor')
    const ope = await operator(gateway, 'ope@example.com', ['edge'])
    for (const path of [
      '/audit',
      '/audit/export',
      '/audit/key',
      '/audit/checkpoints',
      '/audit/proof/1',
      '/audit/verify',
      '/agents/cursor-ops/audit',
    ]) {
      expect([path, (await aud.api.get(path)).status]).toEqual([path, 200])
      expect([path, (await ope.api.get(path)).status]).toEqual([path, 403])
    }
    expect((await ope.api.get('/agents/cursor-ops/history')).status).toBe(200)
  })
})

/** A line of the export, as far as it is looked at here. */
interface Line {
  readonly event?: { readonly type: string; readonly resource: { readonly name: string } | null }
  readonly input?: unknown
}
