import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleBounds, readBundle } from '../../src/policy/bundle.ts'
import { bundleFaults } from '../../src/kernel/bundle-faults.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type PolicyAuthor, policyAuthor } from '../support/policy-author.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { anInput, answering, bundleOf, tarball } from '../unit/policy/make-bundle.ts'

const shipped = await readFile(new URL('../../bundles/certlocker.tar.gz', import.meta.url))
const read = readBundle(shipped)
if (!read.ok) throw new Error(read.error.detail)
const { files, manifest } = read.value

let author: PolicyAuthor
let gateway: TestGateway
let token: string
let database: pg.Client

/** Denies with two codes, so that half of one bundle and half of another would show. */
const closed = (name: string) => `package custom.acme
${['_A', '_B']
  .map(
    (part) => `
# METADATA
# title: Closed by ${name}
deny contains {"code": "${name}${part}", "title": "Closed by ${name}"} if input.call.action == "secret.read"
`,
  )
  .join('')}`
let bundles: readonly { readonly revision: string; readonly bytes: Buffer }[]

beforeAll(async () => {
  author = await policyAuthor()
  gateway = await testGateway({ ...author.settings, CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000' })
  const tokens = await given(gateway, {
    agents: [{ name: 'bot', groups: ['staging'] }],
    secrets: [{ name: 'db', groups: ['staging'] }],
  })
  token = tokens['bot'] ?? ''
  database = new pg.Client({ connectionString: gateway.databaseUrl })
  await database.connect()
  bundles = await Promise.all(
    ['ODD', 'EVEN'].map(async (revision) => ({
      revision,
      bytes: await author.bundle({ revision, sequence: 1, rego: closed(revision) }),
    })),
  )
  expect(await push(bundles[0]?.bytes ?? Buffer.alloc(0))).toMatchObject({ status: 200, body: { state: 'active' } })
}, 60_000)
afterAll(async () => {
  await database.end()
  await gateway.stop()
  await author.leave()
})

async function push(bundle: Uint8Array) {
  const response = await fetch(`${gateway.url}/api/v1/policy/bundle`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${gateway.adminKey}`, 'content-type': 'application/gzip' },
    body: new Uint8Array(bundle),
  })
  const body: Record<string, unknown> = JSON.parse(await response.text())
  return { status: response.status, body }
}

/** The shipped bundle with other files in it, or none (`undefined`) in place of one. */
function changed(changes: Readonly<Record<string, string | Uint8Array | undefined>>): Buffer {
  const entries = Object.entries({ ...Object.fromEntries(files), ...changes })
  return tarball(entries.flatMap(([name, content]) => (content === undefined ? [] : [{ name: `/${name}`, content }])))
}

function withMetadata(metadata: object): Buffer {
  const stated = { ...manifest, metadata: { ...manifest.metadata, sequence: 1, ...metadata } }
  return author.sign(changed({ '.manifest': JSON.stringify(stated) }))
}

async function withModule(rego: string): Promise<Buffer> {
  const stated = { ...manifest, metadata: { ...manifest.metadata, sequence: 1 } }
  const { wasm } = await bundleOf(rego)
  return author.sign(changed({ '.manifest': JSON.stringify(stated), 'policy.wasm': wasm }))
}

const slow = answering(
  {},
  `triples if {
  some a in input.principal.groups
  some b in input.resource.groups
  some c in input.resource.domains
  a == c
  b == c
}`,
).replace('if input.call.action != "asked"', 'if { input.call.action != "asked"; not triples }')
const aRule = [...files.keys()].find((name) => name.endsWith('.rego')) ?? ''
const signatures = (bundle: Uint8Array): Buffer => {
  const signed = readBundle(bundle)
  return signed.ok ? Buffer.from(signed.value.files.get('.signatures.json') ?? '') : Buffer.alloc(0)
}
const vector = { name: 'reads are allowed', input: { ...anInput() }, effect: 'allow' }

describe('a bundle that is refused leaves the last good one in force, says what to do, and is on record', () => {
  test.each<[keyof typeof bundleFaults, string, () => Buffer | Promise<Buffer>]>([
    [
      'BUNDLE_TAMPERED',
      'with a file changed after it was signed',
      () => changed({ [aRule]: 'package other', '.signatures.json': signatures(author.sign(shipped)) }),
    ],
    [
      'BUNDLE_TAMPERED',
      'with a file that was signed and is missing',
      () => changed({ [aRule]: undefined, '.signatures.json': signatures(author.sign(shipped)) }),
    ],
    [
      'BUNDLE_TAMPERED',
      'with a file that nobody signed',
      () => changed({ 'custom/x.rego': 'package x', '.signatures.json': signatures(author.sign(shipped)) }),
    ],
    ['BUNDLE_SCOPE_MISMATCH', 'signed for something else', () => author.sign(shipped, 'other')],
    ['BUNDLE_UNSIGNED', 'without a signature', () => shipped],
    ['BUNDLE_TOO_LARGE', 'larger than a bundle may be', () => Buffer.alloc(bundleBounds.tarballBytesMax + 1)],
    ['BUNDLE_BOMB', 'that unpacks without end', () => gzipSync(Buffer.alloc(bundleBounds.unpackedBytesMax + 1))],
    [
      'BUNDLE_NAME_UNSAFE',
      'with a name that leads out of it',
      () => tarball([{ name: '/../policy.wasm', content: 'x' }]),
    ],
    [
      'BUNDLE_NAME_TWICE',
      'with a file twice',
      () =>
        tarball([
          { name: '/a.rego', content: 'x' },
          { name: 'a.rego', content: 'y' },
        ]),
    ],
    ['BUNDLE_DELTA', 'that is a change to another', () => changed({ 'patch.json': '{}' })],
    [
      'BUNDLE_SCHEMA_UNSUPPORTED',
      'that speaks of other questions',
      () => withMetadata({ inputSchema: 'certlocker.input/v2' }),
    ],
    [
      'BUNDLE_SHIPPED_RULES_UNKNOWN',
      'with a shipped rule changed',
      () => author.sign(changed({ [aRule]: 'package certlocker.changed' })),
    ],
    ['BUNDLE_SHIPPED_RULES_UNKNOWN', 'with a shipped rule missing', () => author.sign(changed({ [aRule]: undefined }))],
    ['BUNDLE_ROLLED_BACK', 'older than what was active', () => author.sign(shipped)],
    [
      'BUNDLE_BUILTIN_UNKNOWN',
      'that needs a banned builtin',
      () => withModule(answering({ labels: '{"x": sprintf("%d", [1])}' })),
    ],
    ['BUNDLE_VECTOR_FAILED', 'that breaks its own promise', () => withMetadata({ vectors: [vector] })],
    [
      'BUNDLE_VECTOR_FAILED',
      'with a promise about no question',
      () => withMetadata({ vectors: [{ ...vector, input: {} }] }),
    ],
    ['BUNDLE_TOO_SLOW', 'that takes too long on long lists', () => withModule(slow)],
  ])(
    '%s: %s',
    async (code, _, make) => {
      const before = await decided()
      const { status, body } = await push(await make())
      expect({ status, body }).toMatchObject({
        status: 422,
        body: { error: { code, message: expect.stringContaining(bundleFaults[code].text) } },
      })
      const state = (await gateway.api.get('/policy')).body
      expect(state).toMatchObject({ active: { revision: 'ODD' }, lastError: { code, source: 'push' } })
      expect(await decided()).toEqual(before)
      const events = itemsOf((await gateway.api.get('/audit?type=POLICY_BUNDLE_REJECTED&limit=1')).body)
      expect(events).toMatchObject([{ code, outcome: 'failed', details: { source: 'push' } }])
    },
    30_000,
  )

  test.each([
    ['cannot keep', 'EVEN', `RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';`],
    ['is lost while it keeps', 'ODD', 'PERFORM pg_terminate_backend(pg_backend_pid());'],
  ])('a database that %s a bundle keeps it from deciding, and is no reason to forget the last one', async (...row) => {
    const [, revision, statement] = row
    const { bytes } = bundles.find((bundle) => bundle.revision === revision) ?? { bytes: Buffer.alloc(0) }
    await database.query(`
      CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement} RETURN NEW; END; $$;
      CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON policy_bundles EXECUTE FUNCTION fail()`)
    const before = await decided()
    const active = (await gateway.api.get('/policy')).body['active']
    expect(await push(bytes)).toMatchObject({
      status: 503,
      body: { error: { code: 'DATABASE_UNAVAILABLE', message: expect.stringMatching(/database/iu) } },
    })
    expect(await decided()).toEqual(before)
    await database.query('DROP TRIGGER fail ON policy_bundles')
    expect((await gateway.api.get('/policy')).body).toMatchObject({ active })
    expect(await push(bytes)).toMatchObject({ status: 200, body: { state: 'active' } })
    expect(await decided()).toEqual([`${revision}_A`, `${revision}_B`])
  })
})

/** The codes of the last decision about the agent's call. */
async function decided(): Promise<readonly unknown[]> {
  const agent = await connect(gateway.url, token)
  await agent.calls('certlocker_get_secret', { name: 'db' })
  const [event] = itemsOf((await gateway.api.get('/audit?type=AI_AGENT_POLICY_DENIED&limit=1')).body)
  return codesOf(event)
}

function codesOf(event: unknown): readonly unknown[] {
  const reasons = typeof event === 'object' && event !== null && 'reasons' in event ? event.reasons : []
  return Array.isArray(reasons) ? reasons.map(({ code }) => code) : []
}

test('while policies are exchanged, every call is answered, and each by one of them alone', async () => {
  const from = itemsOf((await gateway.api.get('/audit?limit=1')).body)[0]?.['seq']
  const agent = await connect(gateway.url, token)
  const over = new AbortController()
  const answers: unknown[] = []
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      const { structured } = await agent.calls('certlocker_get_secret', { name: 'db' })
      answers.push(structured['code'])
    }
  })
  for (const { bytes } of [...bundles, ...bundles]) expect(await push(bytes)).toMatchObject({ status: 200 })
  over.abort()
  await Promise.all(callers)
  expect(answers.filter((code) => code !== 'ODD_A' && code !== 'EVEN_A')).toEqual([])
  const { rows } = await database.query<{ event: string }>(
    `SELECT event FROM audit_events WHERE type = 'AI_AGENT_POLICY_DENIED' AND seq > $1`,
    [from],
  )
  expect(rows).toHaveLength(answers.length)
  const kinds = new Set<string>()
  for (const { event } of rows) {
    const { policy, reasons }: { policy: { revision: string }; reasons: { code: string }[] } = JSON.parse(event)
    expect(reasons.map(({ code }) => code)).toEqual([`${policy.revision}_A`, `${policy.revision}_B`])
    kinds.add(policy.revision)
  }
  expect([...kinds].toSorted()).toEqual(['EVEN', 'ODD'])
}, 60_000)
