import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyExport } from '../../src/domain/audit/verifier.js'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let auditor: Person
let pem: string

beforeAll(async () => {
  gateway = await testGateway()
  const tokens = await given(gateway, {
    agents: [{ name: 'cursor-ops', groups: ['edge'] }],
    secrets: [
      { name: 'edge-key', groups: ['edge'] },
      { name: 'prod-db-password', groups: ['prod'] },
    ],
  })
  const agent = await connect(gateway.url, tokens['cursor-ops'] ?? '', { name: '=HYPERLINK("https://evil.example")' })
  await agent.calls('certlocker_get_secret', { name: 'edge-key' })
  await agent.calls('certlocker_get_secret', { name: 'prod-db-password' })
  await agent.close()
  auditor = await person(gateway, 'aud@example.com', 'auditor')
  pem = String((await auditor.api.get('/audit/key')).body['text'])
})
afterAll(() => gateway.stop())

async function exported(query: string) {
  const { status, headers, body } = await auditor.api.get(`/audit/export?${query}`)
  expect(status).toBe(200)
  // A single line of JSON comes back parsed.
  return { type: headers.get('content-type'), text: String(body['text']) }
}

describe('a part of the log', () => {
  test('is what the filters of the list say, in the order of the log, and verifies offline', async () => {
    const query = 'agent=cursor-ops&outcome=deny'
    const { type, text } = await exported(query)
    expect(type).toBe('application/x-ndjson')
    const listed = itemsOf((await auditor.api.get(`/audit?order=asc&${query}`)).body)
    const lines: { event?: unknown }[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(listed).toHaveLength(1)
    expect(lines.flatMap(({ event }) => event ?? [])).toEqual(listed)
    expect(await verifyExport(text, pem)).toMatchObject({ ok: true, events: 1 })
    expect(await verifyExport(text.replace('prod-db-password', 'prod-db-passw0rd'), pem)).toMatchObject({ ok: false })
  })

  test('can be empty', async () => {
    const { text } = await exported('agent=nobody')
    expect(await verifyExport(text, pem)).toMatchObject({ ok: true, events: 0 })
  })

  test('is on record before it leaves: to whom it went, and which events', async () => {
    await exported('format=csv&resource=edge-key&from=2026-01-01T00:00:00Z')
    const [event] = itemsOf((await auditor.api.get('/audit?type=AUDIT_EXPORTED&limit=1')).body)
    expect(event).toMatchObject({
      actor: { name: 'aud@example.com' },
      details: { format: 'csv', filters: { resource: 'edge-key', from: '2026-01-01T00:00:00.000Z' } },
    })
  })

  test('is for admins and auditors, and its parameters are checked', async () => {
    const ope = await operator(gateway, 'ope@example.com', ['edge'])
    expect((await ope.api.get('/audit/export?agent=cursor-ops')).status).toBe(403)
    for (const query of ['format=pdf', 'limit=1', 'type=NOTHING'])
      expect((await auditor.api.get(`/audit/export?${query}`)).status).toBe(400)
  })
})

describe('an export for other tools', () => {
  test('as CSV has a record for each event, and nothing in it is a formula', async () => {
    const { type, text } = await exported('format=csv&agent=cursor-ops&outcome=deny')
    expect(type).toBe('text/csv; charset=utf-8')
    const [header, record, end, ...rest] = text.split('\r\n')
    expect(header).toMatch(/^seq,id,at,type,/u)
    expect(record).toContain(`,"'=HYPERLINK(""https://evil.example"")",`)
    expect([end, ...rest]).toEqual([''])
  })

  test('as OCSF has one API Activity a line, for the whole log', async () => {
    const { type, text } = await exported('format=ocsf')
    expect(type).toBe('application/x-ndjson')
    const lines: { class_uid: number; metadata: { sequence: number } }[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ metadata }) => metadata.sequence)).toEqual(lines.map((_, index) => index + 1))
    expect(new Set(lines.map(({ class_uid: uid }) => uid))).toEqual(new Set([6003]))
    expect(text).not.toContain('value-of-')
  })
})
