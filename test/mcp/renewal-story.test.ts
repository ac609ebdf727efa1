import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, clientKinds, connect } from '../support/agent.ts'
import { aCertificate } from '../support/certificates.ts'
import { exercised } from '../support/components.ts'
import { type DnsService, dnsWebhook } from '../support/dns-services.ts'
import { given, owner } from '../support/given.ts'
import { type Pebble, startPebble } from '../support/pebble.ts'
import { type Person, person } from '../support/person.ts'
import { restClient } from '../support/rest-client.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { type TlsEndpoint, tlsEndpoint } from '../support/tls-endpoint.ts'
import { until } from '../support/until.ts'

const GROUP = 'prod-edge'

let pebble: Pebble
let gateway: TestGateway
let file: string
let token: string
let approver: Person
let webhook: DnsService
const endpoints: TlsEndpoint[] = []

beforeAll(async () => {
  const started = await startPebble()
  if (started === undefined) throw new Error('Pebble is missing: npm run tools')
  pebble = started
  const { directoryUrl, caFile, http01Port } = pebble
  file = join(tmpdir(), `certlocker-story-${randomUUID()}.json`)
  const issuers = [{ name: 'pebble', directoryUrl, caFile }]
  const dns01 = { provider: 'webhook', credentialsSecret: 'dns-webhook' }
  const acme = { issuers, http01: { port: http01Port }, dns01 }
  await writeFile(file, JSON.stringify({ acme, egress: { privateCidrs: ['127.0.0.0/8'] } }))
  gateway = await testGateway({}, undefined, undefined, file)
  const scopes = ['certificate:read', 'certificate:request', 'probe:create', 'approval:request']
  const tokens = await given(gateway, { agents: [{ name: 'cert-renewal', groups: [GROUP], scopes, riskLevel: 'low' }] })
  token = tokens['cert-renewal'] ?? ''
  webhook = await dnsWebhook(pebble.dnsUrl)
  approver = await person(gateway, 'bo@example.com', 'approver', [GROUP])
})
afterAll(async () => {
  await gateway?.stop()
  await Promise.all([pebble?.stop(), webhook?.stop(), ...endpoints.map((endpoint) => endpoint.stop())])
  if (file !== undefined) await rm(file)
})

/** A certificate in its last ten days, and the proxy that serves it. */
async function anEdge(name: string) {
  const domain = `${name}.edge.example`
  const old = aCertificate({ subject: domain, domains: [domain], days: 10 })
  const served = { cert: old.certificate, key: old.key, fingerprint: '' }
  const endpoint = await tlsEndpoint(served)
  endpoints.push(endpoint)
  const target = `https://127.0.0.1:${endpoint.port}/health`
  const probeTargets = endpoints.map(({ port }) => `127.0.0.1:${port}`)
  await gateway.api.patch(`/groups/${GROUP}`, { domains: ['*.edge.example'], probeTargets })
  await gateway.api.create('/certificates', { name, groups: [GROUP], chain: old.certificate, privateKey: old.key })
  return { name, endpoint, target }
}

const approvalOf = ({ structured }: Awaited<ReturnType<Agent['calls']>>) => String(structured['approvalId'])

describe.each(clientKinds)('a certificate is renewed by an agent (%s)', (kind) => {
  const name = `edge-${clientKinds.indexOf(kind)}`
  let agent: Agent
  let edge: Awaited<ReturnType<typeof anEdge>>

  beforeAll(async () => {
    edge = await anEdge(name)
    agent = await connect(gateway.url, token, { kind })
  })
  afterAll(() => agent?.close())

  const probe = async () => {
    const asked = { target: edge.target, expectCertificate: name }
    const { structured } = await agent.calls('certlocker_create_probe', asked)
    return { verdict: structured['verdict'], addresses: structured['addresses'] }
  }

  test('S4: it finds what ends soon, renews it, and a probe by name proves whether the new one is served', async () => {
    const listed = await agent.calls('certlocker_list_allowed_resources', { expiringWithinDays: 14, query: name })
    expect(listed.structured['items']).toMatchObject([{ type: 'certificate', name, version: 0 }])
    expect(await probe()).toMatchObject({ verdict: 'up', addresses: [{ servedMatchesExpected: true }] })
    const renewed = await agent.calls('certlocker_request_certificate', { name })
    exercised('pebble')
    expect(renewed.structured).toMatchObject({ status: 'ok', orderStatus: 'valid', version: 1 })
    const bundle = await agent.calls('certlocker_get_certificate', { name })
    expect(bundle.structured).toMatchObject({ version: 1, fingerprint: renewed.structured['fingerprint'] })
    expect(bundle.text).not.toContain('PRIVATE KEY')
    expect(await probe()).toMatchObject({ verdict: 'wrong_certificate', addresses: [{ servedMatchesExpected: false }] })
  })

  test('S5: the key is handed out once, by somebody else; what was denied stays denied; then the new one is served', async () => {
    const readKey = () => agent.calls('certlocker_get_certificate', { name, includePrivateKey: true })
    const waiting = await readKey()
    expect(waiting.structured).toMatchObject({ status: 'approval_required' })
    const { value } = await gateway.api.create('/api-keys', { person: owner, name: 'k', ttlSeconds: 60 })
    const own = await restClient(gateway.url, String(value)).post(`/approvals/${approvalOf(waiting)}/approve`, {})
    expect(own.status).toBe(403)
    const voted = await approver.api.post(`/approvals/${approvalOf(waiting)}/approve`, { comment: 'CHG-7' })
    expect(voted).toMatchObject({ status: 200, body: { votes: [{ person: 'bo@example.com', comment: 'CHG-7' }] } })
    const { structured } = await readKey()
    expect(structured).toMatchObject({ status: 'ok', version: 1 })
    expect((await readKey()).structured).toMatchObject({ status: 'approval_required' })

    const decision = { title: `Reload the proxy of ${name}`, details: 'takes it down for a second' }
    const asked = await agent.calls('certlocker_request_approval', { decision, reason: 'renewed' })
    await approver.api.post(`/approvals/${approvalOf(asked)}/deny`, { comment: 'not now' })
    const decided = await agent.calls('certlocker_get_approval', { approvalId: approvalOf(asked) })
    expect(decided.structured).toMatchObject({ approvalStatus: 'denied' })
    expect(await probe()).toMatchObject({ verdict: 'wrong_certificate' })

    const served = { cert: String(structured['chain']), key: String(structured['privateKey']), fingerprint: '' }
    edge.endpoint.reload(served)
    expect(await probe()).toMatchObject({
      verdict: 'up',
      addresses: [{ servedMatchesExpected: true, httpStatus: 200 }],
    })
  })

  test('and the log tells all of it, without the key', async () => {
    const { body } = await gateway.api.get(`/audit?resource=${name}&limit=200&order=asc`)
    const told = JSON.stringify(body)
    for (const type of ['CERTIFICATE_UPLOADED', 'CERTIFICATE_REQUESTED', 'CERTIFICATE_RENEWED', 'APPROVAL_CONSUMED'])
      expect(told).toContain(type)
    expect(told).toContain('CHG-7')
    expect(told).not.toContain('PRIVATE KEY')
  })
})

test('a wildcard is issued through a DNS service whose credentials are a secret, also one that came after the order', async () => {
  const agent = await connect(gateway.url, token)
  await gateway.api.patch(`/groups/${GROUP}`, { domains: ['*.edge.example'] })
  const ask = () => agent.calls('certlocker_request_certificate', { domains: ['*.edge.example'], group: GROUP })
  const [first] = await Promise.all([
    ask(),
    until(async () => {
      const { body } = await gateway.api.get('/certificates/wildcard.edge.example/orders')
      return JSON.stringify(body).includes('the shared secret dns-webhook, which is not there')
    }).then(() => {
      const value = JSON.stringify({ url: webhook.url })
      return gateway.api.create('/secrets', { name: 'dns-webhook', groups: [GROUP], type: 'config', value })
    }),
  ])
  const settled = first.structured['orderStatus'] === 'valid' ? first : await ask()
  expect(settled.structured).toMatchObject({ orderStatus: 'valid', name: 'wildcard.edge.example', version: 0 })
  expect(webhook.asked.map(({ body }) => body['action'])).toEqual(['present', 'cleanup'])
  await agent.close()
})
