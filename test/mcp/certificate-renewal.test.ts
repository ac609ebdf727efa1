import { randomUUID, X509Certificate } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, connect } from '../support/agent.ts'
import { aCertificate } from '../support/certificates.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { type Pebble, startPebble } from '../support/pebble.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let pebble: Pebble
let gateway: TestGateway
let file: string
let tokens: Readonly<Record<string, string>>
let renewer: Agent

beforeAll(async () => {
  const started = await startPebble({ PEBBLE_WFE_NONCEREJECT: '60' })
  if (started === undefined) throw new Error('Pebble is missing: npm run tools')
  pebble = started
  file = join(tmpdir(), `certlocker-acme-${randomUUID()}.json`)
  await writeFile(file, JSON.stringify(configuration(pebble)))
  gateway = await testGateway({}, undefined, undefined, file)
  tokens = await given(gateway, {
    agents: [
      { name: 'cert-renewal', groups: ['edge'], scopes: ['certificate:request'] },
      { name: 'key-reader', groups: ['edge'], scopes: ['certificate:read'] },
      { name: 'shop-bot', groups: ['shop'], scopes: ['certificate:request'] },
    ],
  })
  await gateway.api.patch('/groups/edge', { domains: ['edge.example', '*.edge.example'] })
  await gateway.api.patch('/groups/shop', { domains: ['shop.example'] })
  renewer = await connect(gateway.url, tokens['cert-renewal'] ?? '')
})

afterAll(async () => {
  await renewer?.close()
  await gateway?.stop()
  await pebble?.stop()
  if (file !== undefined) await rm(file)
})

describe('a renewal agent', () => {
  test('finds what ends soon, has it renewed by an ACME server that rejects most nonces, and reads the new chain', async () => {
    const old = aCertificate({ subject: 'edge.example', domains: ['edge.example'], days: 10 })
    await gateway.api.create('/certificates', {
      name: 'edge-cert',
      groups: ['edge'],
      chain: old.certificate,
      privateKey: old.key,
    })
    const listed = await renewer.calls('certlocker_list_allowed_resources', { expiringWithinDays: 30 })
    expect(listed.structured['items']).toMatchObject([
      {
        type: 'certificate',
        name: 'edge-cert',
        version: 0,
        actions: { certlocker_get_certificate: 'allow', certlocker_request_certificate: 'allow' },
      },
    ])
    const renewed = await renewer.calls('certlocker_request_certificate', { name: 'edge-cert' })
    exercised('pebble')
    expect(renewed.structured).toMatchObject({ status: 'ok', orderStatus: 'valid', name: 'edge-cert', version: 1 })
    const read = await renewer.calls('certlocker_get_certificate', { name: 'edge-cert' })
    expect(read.structured).toMatchObject({ version: 1, sans: ['edge.example'], groups: ['edge'] })
    expect(read.structured).not.toHaveProperty('privateKey')
    const leaf = new X509Certificate(String(read.structured['chain']))
    expect(leaf.fingerprint256).toBe(renewed.structured['fingerprint'])
    expect(leaf.fingerprint256).not.toBe(new X509Certificate(old.certificate).fingerprint256)
    const again = await renewer.calls('certlocker_list_allowed_resources', { expiringWithinDays: 30 })
    expect(again.structured['items']).toEqual([])
    expect(
      gateway.auditLines.filter((line) => line.startsWith('CERTIFICATE_')).map((line) => line.split(' ')[0]),
    ).toEqual(['CERTIFICATE_UPLOADED', 'CERTIFICATE_REQUESTED', 'CERTIFICATE_RENEWED'])
  })

  test('finds the same order again with the same call, while it runs and for ten minutes', async () => {
    const first = await renewer.calls('certlocker_request_certificate', { domains: ['a.edge.example'], group: 'edge' })
    expect(first.structured).toMatchObject({ orderStatus: 'valid', name: 'a.edge.example', version: 0 })
    const again = await renewer.calls('certlocker_request_certificate', { domains: ['a.edge.example'], group: 'edge' })
    expect(again.structured['fingerprint']).toBe(first.structured['fingerprint'])
    const { body } = await gateway.api.get('/certificates/a.edge.example/orders')
    expect(body['items']).toMatchObject([{ orderStatus: 'valid', version: 0, problem: null }])
  })

  test('is refused names outside the domains of the group, a wildcard among them, and another group', async () => {
    const ask = (domains: string[], group: string) =>
      renewer.calls('certlocker_request_certificate', { domains, group })
    expect((await ask(['shop.example'], 'edge')).text).toBe(
      'Access denied. Names [shop.example] lie outside the domains of groups [edge]',
    )
    expect((await ask(['*.a.edge.example'], 'edge')).structured['code']).toBe('DOMAIN_NOT_ALLOWED')
    expect((await ask(['shop.example'], 'shop')).text).toBe(
      'Access denied. Token is scoped to groups [edge], certificate is in [shop]',
    )
    expect((await renewer.calls('certlocker_request_certificate', { name: 'none' })).text).toBe(
      'Access denied. No certificate of that name is available',
    )
    expect(
      (await renewer.calls('certlocker_get_certificate', { name: 'edge-cert', includePrivateKey: true })).text,
    ).toBe('Access denied. Scope certificate:read is missing')
  })

  test('is told what is missing when no challenge can be answered: a wildcard needs acme.dns01', async () => {
    const answer = await renewer.calls('certlocker_request_certificate', { domains: ['*.edge.example'], group: 'edge' })
    expect(answer.structured).toMatchObject({ orderStatus: 'invalid', name: 'wildcard.edge.example' })
    expect(answer.structured['problem']).toContain('acme.dns01')
  })
})

test('a private key is handed out only with approval', async () => {
  const reader = await connect(gateway.url, tokens['key-reader'] ?? '')
  const answer = await reader.calls('certlocker_get_certificate', { name: 'edge-cert', includePrivateKey: true })
  expect(answer.structured).toMatchObject({ status: 'approval_required' })
  expect(answer.text).not.toContain('PRIVATE KEY')
  await reader.close()
})

test('certificates renew themselves when their time has come, each by a decision of its own', async () => {
  const versions = await gateway.api.get('/certificates/a.edge.example/versions')
  await pebble.openRenewalWindow(JSON.parse(JSON.stringify(versions.body['items']))[0].chain)
  await withSql((client) => client.query("UPDATE certificates SET renew_at = now() WHERE name = 'a.edge.example'"))
  await until(async () => (await gateway.api.get('/certificates/a.edge.example')).body['version'] === 1)
  const { body } = await gateway.api.get('/certificates/a.edge.example/orders')
  expect(body['items']).toMatchObject([{ version: 1, requestedBy: 'svc_renewal' }, { version: 0 }])
})

test('an authority that brings the time of a renewal forward is heard before the old time has come', async () => {
  await renewer.calls('certlocker_request_certificate', { domains: ['early.edge.example'], group: 'edge' })
  const early = async () => (await gateway.api.get('/certificates/early.edge.example')).body
  expect(Date.parse(String((await early())['renewAt']))).toBeGreaterThan(Date.now() + 86_400_000)
  const versions = await gateway.api.get('/certificates/early.edge.example/versions')
  await pebble.openRenewalWindow(JSON.parse(JSON.stringify(versions.body['items']))[0].chain)
  await withSql((client) =>
    client.query("UPDATE certificates SET check_renewal_at = now() WHERE name = 'early.edge.example'"),
  )
  await until(async () => (await early())['version'] === 1)
})

test('an order goes on after the gateway was stopped in the middle of it, and no second one is placed', async () => {
  const { body } = await gateway.api.post('/certificates', {
    name: 'moved',
    groups: ['edge'],
    domains: ['m.edge.example'],
  })
  expect(body).toMatchObject({ orderStatus: 'pending', version: null })
  gateway = await gateway.restart()
  await until(async () => (await gateway.api.get('/certificates/moved')).body['version'] === 0)
  const orders = await gateway.api.get('/certificates/moved/orders')
  expect(orders.body['items']).toHaveLength(1)
})

async function withSql(run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(gateway.databaseUrl)
  await client.connect()
  await run(client)
  await client.end()
}

function configuration({ directoryUrl, caFile, http01Port }: Pebble): object {
  const issuers = [{ name: 'pebble', directoryUrl, caFile, contact: 'ops@example.com' }]
  return { acme: { issuers, http01: { port: http01Port } } }
}
