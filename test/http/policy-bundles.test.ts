import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildBundle } from '../../src/cli/policy/build.ts'
import { packageRoot } from '../../src/cli/policy/package-root.ts'
import { type PolicyKey, policyPrivateKey } from '../../src/policy/policy-key.ts'
import { signBundle } from '../../src/policy/sign-bundle.ts'
import { routes } from '../../src/transport/rest/routes.ts'
import { connect } from '../support/agent.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const shipped = await readFile(join(packageRoot, 'bundles', 'certlocker.tar.gz'))
const closed = `package custom.acme

# METADATA
# title: No secret is read
deny contains {"code": "ACME_CLOSED", "title": "No secret is read"} if input.call.action == "secret.read"
`

let directory: string
let gateway: TestGateway
let second: string
let token: string
let bundles: { readonly narrow: Buffer; readonly wide: Buffer; readonly third: Buffer }

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certlocker-bundles-'))
  await writeFile(join(directory, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  bundles = { narrow: signed(await built(1, closed)), wide: signed(await built(2)), third: signed(await built(3)) }
  gateway = await testGateway({ CERTLOCKER_POLICY__PUBLIC_KEYS: `ci=${join(directory, 'key.pub')}` })
  const tokens = await given(gateway, {
    agents: [{ name: 'bot', groups: ['staging'] }],
    secrets: [{ name: 'db', groups: ['staging'] }],
  })
  token = tokens['bot'] ?? ''
  second = (await person(gateway, 'bea@example.com', 'admin')).value
})
afterAll(async () => {
  await gateway.stop()
  await rm(directory, { recursive: true })
})

async function built(sequence: number, rego?: string): Promise<Buffer> {
  const company = join(directory, `company-${sequence}`)
  if (rego !== undefined) {
    await mkdir(join(company, 'custom', 'acme'), { recursive: true })
    await writeFile(join(company, 'custom', 'acme', 'acme.rego'), rego)
  }
  const bundle = await buildBundle({
    directories: rego === undefined ? [] : [company],
    sequence,
    revision: `r${sequence}`,
  })
  if (!bundle.ok) throw new Error(bundle.error)
  exercised('opa')
  return bundle.value.bytes
}

function signed(bundle: Uint8Array): Buffer {
  const key = policyPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'ci')
  if (!key.ok) throw new Error(key.error)
  return signedWith(bundle, key.value)
}

function signedWith(bundle: Uint8Array, key: PolicyKey, scope?: string): Buffer {
  const result = signBundle(bundle, key, scope)
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}

async function push(bundle: Uint8Array, bearer = gateway.adminKey, url = gateway.url) {
  const response = await fetch(`${url}/api/v1/policy/bundle`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/gzip' },
    body: bundle,
  })
  const body: Record<string, unknown> = JSON.parse(await response.text())
  if (response.ok) expectPromised('/policy/bundle', body)
  return { status: response.status, body }
}

/** As OpenAPI promises it. */
function expectPromised(path: string, body: object) {
  const route = routes.find((each) => each.path === path.replace(/sha256:\w+/u, ':digest'))
  const isPromised = new Ajv2020({ strict: false }).compile(route?.response ?? false)
  expect(isPromised(body), JSON.stringify(isPromised.errors)).toBe(true)
}

async function as(bearer: string, path: string) {
  const response = await fetch(`${gateway.url}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: '{}',
  })
  const body: Record<string, unknown> = JSON.parse(await response.text())
  if (response.ok) expectPromised(path, body)
  return { status: response.status, body }
}

const reads = async (url = gateway.url) => {
  const agent = await connect(url, token)
  const { structured } = await agent.calls('certlocker_get_secret', { name: 'db' })
  return structured['code'] ?? structured['status']
}

describe('the life of a bundle', () => {
  test('pushed, it decides here and on another replica, is held when it widens, and can be gone back from', async () => {
    expect(await reads()).toBe('ok')
    const replica = await gateway.replica()
    try {
      const pushed = await push(bundles.narrow)
      expect(pushed).toMatchObject({ status: 200, body: { state: 'active', report: { widened: 0 } } })
      expect(await reads()).toBe('ACME_CLOSED')
      await until(async () => (await reads(replica.url)) === 'ACME_CLOSED')

      const held = await push(bundles.wide)
      expect(held).toMatchObject({ status: 202, body: { state: 'held' } })
      expect(held.body['report']).toMatchObject({
        flips: expect.arrayContaining([
          expect.objectContaining({ kind: 'widened', code: 'ACME_CLOSED', before: 'deny', after: 'allow' }),
        ]),
      })
      const digest = String(held.body['digest'])
      expect(await as(gateway.adminKey, `/policy/held/${digest}/activate`)).toMatchObject({
        status: 403,
        body: { error: { code: 'BUNDLE_OWN_PUSH' } },
      })
      expect(await reads()).toBe('ACME_CLOSED')
      expect(await as(second, `/policy/held/${digest}/activate`)).toMatchObject({
        status: 200,
        body: { state: 'active' },
      })
      expect(await reads()).toBe('ok')
      expect(await as(second, '/policy/rollback')).toMatchObject({
        status: 200,
        body: { digest: pushed.body['digest'] },
      })
      expect(await reads()).toBe('ACME_CLOSED')
      expect((await gateway.api.get('/policy')).body).toMatchObject({
        active: { revision: 'r1', sequence: 1 },
        sequenceFloor: 2,
        history: expect.arrayContaining([expect.objectContaining({ revision: 'r2', state: 'discarded' })]),
      })
    } finally {
      await replica.stop()
    }
  })

  test('held, is discarded by another admin and not offered any more', async () => {
    const held = await push(bundles.third)
    const path = `/policy/held/${String(held.body['digest'])}/discard`
    expect(await as(gateway.adminKey, path)).toMatchObject({ status: 403 })
    expect(await as(second, path)).toMatchObject({ status: 200, body: { state: 'discarded' } })
    expect(await as(second, path)).toMatchObject({ status: 409 })
    expect(await reads()).toBe('ACME_CLOSED')
  })

  test('survives a restart, which verifies it anew', async () => {
    gateway = await gateway.restart()
    expect((await gateway.api.get('/policy')).body).toMatchObject({ active: { revision: 'r1', sequence: 1 } })
  })
})

describe('a bundle that is refused', () => {
  const other = () => {
    const key = policyPrivateKey(
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    )
    if (!key.ok) throw new Error(key.error)
    return key.value
  }
  test.each([
    ['BUNDLE_MALFORMED', async () => Buffer.from('no bundle')],
    ['BUNDLE_TOO_LARGE', async () => Buffer.alloc(8 * 1024 * 1024 + 1)],
    ['BUNDLE_UNSIGNED', async () => shipped],
    ['BUNDLE_SIGNATURE_INVALID', async () => signedWith(shipped, other())],
    ['BUNDLE_ROLLED_BACK', async () => signed(shipped)],
  ])('with %s leaves the last good one in force, says what to do, and is on record', async (code, make) => {
    const { status, body } = await push(await make())
    expect({ status, body }).toMatchObject({ status: 422, body: { error: { code } } })
    const state = (await gateway.api.get('/policy')).body
    expect(state).toMatchObject({ active: { revision: 'r1' }, lastError: { code, source: 'push' } })
    const events = itemsOf((await gateway.api.get('/audit?type=POLICY_BUNDLE_REJECTED&limit=1')).body)
    expect(events).toMatchObject([{ code, outcome: 'failed' }])
  })
})
