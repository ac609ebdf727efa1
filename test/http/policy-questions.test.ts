import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, connect } from '../support/agent.ts'
import { type Cli, cliFor } from '../support/cli.ts'
import type { PolicyInput } from '../../src/policy/input.schema.ts'
import type { Flip } from '../../src/policy/replay.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type Person, person } from '../support/person.ts'
import { type PolicyAuthor, policyAuthor } from '../support/policy-author.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const READ = 'certlocker_get_secret'
const freeze = `package custom.acme

# METADATA
# title: Access denied. Nothing is read
deny contains {"code": "ACME_CLOSED", "title": "Access denied. Nothing is read"} if {
	input.call.action == "secret.read"
	input.resource.environment == "staging"
}
`

let author: PolicyAuthor
let gateway: TestGateway
let agent: Agent
let pia: Person
let admin: Cli
let folder: string
let strict: string
let decisions: { readonly allowed: string; readonly scopeless: string; readonly production: string }

beforeAll(async () => {
  author = await policyAuthor()
  folder = await mkdtemp(join(tmpdir(), 'certlocker-questions-'))
  gateway = await testGateway(author.settings)
  const tokens = await given(gateway, {
    agents: [
      { name: 'bot', groups: ['staging', 'prod'], scopes: ['secret:read', 'audit:write'] },
      { name: 'mute', groups: ['staging'], scopes: ['audit:write'] },
    ],
    secrets: [
      { name: 'db', groups: ['staging'] },
      { name: 'prod-db', groups: ['prod'] },
    ],
  })
  agent = await connect(gateway.url, tokens['bot'] ?? '')
  const mute = await connect(gateway.url, tokens['mute'] ?? '')
  const allowed = await decisionOf(agent.calls(READ, { name: 'db' }))
  const scopeless = await decisionOf(mute.calls(READ, { name: 'db' }))
  const production = await decisionOf(agent.calls(READ, { name: 'prod-db' }))
  decisions = { allowed, scopeless, production }
  await mute.close()
  pia = await person(gateway, 'pia@example.com', 'policy_author', ['staging'])
  admin = cliFor(gateway.url, gateway.adminKey)
  strict = join(folder, 'strict.tar.gz')
  await writeFile(strict, await author.bundle({ revision: 'strict', sequence: 1, rego: freeze }))
}, 120_000)
afterAll(async () => {
  await agent.close()
  await gateway.stop()
  await author.leave()
  await rm(folder, { recursive: true })
})

/** The decision that the latest event of a call is about. */
async function decisionOf(call: Promise<unknown>): Promise<string> {
  await call
  const { body } = await gateway.api.get('/audit?limit=20')
  const [latest] = itemsOf(body).filter(({ actor, inputDigest }) => isAgent(actor) && inputDigest !== null)
  return String(latest?.['decisionId'])
}

function isAgent(actor: unknown): boolean {
  return JSON.stringify(actor).includes('"agent"')
}

describe('an answer is explained', () => {
  test('with the place of each rule, the facts that it stands on, and the least that would change it', async () => {
    const { status, body } = await gateway.api.post('/policy/evaluate', { decisionId: decisions.scopeless })
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        effect: 'deny',
        reasons: [
          {
            code: 'SCOPE_MISSING',
            rule: 'certlocker.rules.scope',
            place: { file: 'certlocker/rules/scope/scope.rego', line: expect.any(Number) },
            facts: [{ path: 'input.principal.scopes', value: ['audit:write'] }],
          },
        ],
        leastChange: {
          effect: 'allow',
          changes: [{ path: 'input.principal.scopes', from: ['audit:write'], to: ['audit:write', 'secret:read'] }],
        },
      },
    })
  })

  test('for a call that was made up, as it is on record', async () => {
    const input = await recordedInput(decisions.production)
    expect((await pia.api.post('/policy/evaluate', { input })).body).toMatchObject({
      effect: 'require_approval',
      reasons: [
        {
          code: 'APPROVAL_PRODUCTION',
          facts: [{ path: 'input.resource.environment', value: 'production' }],
        },
      ],
      leastChange: { effect: 'allow' },
    })
  })

  test('not to somebody who lacks the groups of what was asked for', async () => {
    expect(await pia.api.post('/policy/evaluate', { decisionId: decisions.production })).toMatchObject({ status: 404 })
    expect(await pia.api.post('/policy/evaluate', { decisionId: decisions.allowed })).toMatchObject({ status: 200 })
  })

  test('to somebody without naming groups that they lack', async () => {
    const input = { ...(await recordedInput(decisions.allowed)), elevation: elevationTo('prod') }
    const lonely = { ...input, principal: { ...input.principal, groups: [] } }
    const told = async ({ api }: Pick<Person, 'api'>) =>
      JSON.stringify((await api.post('/policy/evaluate', { input: lonely })).body)
    expect(await told(gateway)).toMatch(/"(from|to|value)":\[[^\]]*"prod"/u)
    expect(await told(pia)).not.toMatch(/"(from|to|value)":\[[^\]]*"prod"/u)
  })

  test("not to others than its owner and admins about somebody's private secret", async () => {
    const zoe = await person(gateway, 'zoe@example.com', 'operator', ['staging'])
    await zoe.api.create('/secrets', { name: 'zoe-only', kind: 'private', owner: 'zoe@example.com', value: 'x' })
    const decisionId = await decisionOf(agent.calls(READ, { name: 'zoe-only' }))
    expect(await pia.api.post('/policy/evaluate', { decisionId })).toMatchObject({ status: 404 })
    expect(await gateway.api.post('/policy/evaluate', { decisionId })).toMatchObject({ status: 200 })
  })

  test.each([
    ['neither', {}],
    ['both', { decisionId: 'dec_1', input: {} }],
    ['half an input', { input: { schema: 'certlocker.input/v1' } }],
  ])('not when it gives %s', async (_, body) => {
    expect(await gateway.api.post('/policy/evaluate', body)).toMatchObject({
      status: 400,
      body: { error: { code: 'ARGUMENT_INVALID' } },
    })
  })

  test('on the command line, by the gateway or by a bundle at hand', async () => {
    const said = await admin(['policy', 'explain', '--decision', decisions.scopeless])
    expect(said.stdout).toMatch(
      /^deny\n {2}SCOPE_MISSING .*\(certlocker\/rules\/scope\/scope\.rego:\d+\)\n {6}input\.principal\.scopes = \["audit:write"\]\nIt would be allow with\n {2}input\.principal\.scopes = /u,
    )
    const input = JSON.stringify(await recordedInput(decisions.allowed))
    const offline = await admin(['policy', 'explain', '--input', '-', '--bundle', strict, '--json'], { stdin: input })
    expect(JSON.parse(offline.stdout)).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'ACME_CLOSED', rule: 'custom.acme', place: { file: 'custom/acme/acme.rego', line: 5 } }],
    })
    expect(await admin(['policy', 'explain'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/--decision ID, or --input/u),
    })
  })
})

describe('recorded calls are replayed', () => {
  test('by the gateway, on a bundle that it keeps', async () => {
    const { body } = await gateway.api.get('/policy')
    const { digest } = body['active'] as { readonly digest: string }
    expect(await pia.api.post('/policy/replay', { digest })).toMatchObject({
      status: 200,
      body: { widened: 0, narrowed: 0, approvals: 0, flips: [] },
    })
    const unknown = { digest: `sha256:${'0'.repeat(64)}` }
    expect(await pia.api.post('/policy/replay', unknown)).toMatchObject({ status: 404 })
  })

  test('offline from an export, and the export of a window', async () => {
    const exported = join(folder, 'export.ndjson')
    await admin(['audit', 'export', '-o', exported])
    const replayed = await admin(['policy', 'replay', strict, '--decisions', exported, '--json'])
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      widened: 0,
      narrowed: 1,
      flips: [{ kind: 'narrowed', code: 'ACME_CLOSED', before: 'allow', after: 'deny' }],
    })
    const text = await admin(['policy', 'replay', strict, '--from', '2020-01-01T00:00:00Z'])
    expect(text.stdout).toMatch(/bot +secret\.read +db +allow +deny +ACME_CLOSED[^]*\n0 widened, 1 narrowed, /u)
  })

  test.each([
    ['replay', () => ['policy', 'replay', strict]],
    ['diff', () => ['policy', 'diff', strict, strict]],
  ])('by %s only where some are on record, or nothing would be proven', async (_, command) => {
    const exported = join(folder, 'no-decisions.ndjson')
    await admin(['audit', 'export', '-o', exported])
    const [header = ''] = (await readFile(exported, 'utf8')).split('\n')
    await writeFile(exported, `${header}\n`)
    expect(await admin([...command(), '--decisions', exported])).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/no-decisions\.ndjson holds no decision.*certlocker audit export/u),
    })
  })

  test('of a window only where some lie in it', async () => {
    const window = ['--to', '2020-01-01T00:00:00Z']
    expect(await admin(['policy', 'replay', strict, ...window])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/holds no decision.*--from.*--to/u),
    })
  })

  test('by diff as well, whose exit code says whether more is widened than the budget', async () => {
    const exported = join(folder, 'for-diff.ndjson')
    await admin(['audit', 'export', '-o', exported])
    const shipped = 'bundles/certlocker.tar.gz'
    const narrowing = await admin(['policy', 'diff', shipped, strict, '--decisions', exported, '--json'])
    expect(narrowing).toMatchObject({ exitCode: 0 })
    expect(JSON.parse(narrowing.stdout)).toMatchObject({
      widened: 0,
      flips: expect.arrayContaining([expect.objectContaining({ code: 'ACME_CLOSED' })]),
    })
    const widening = ['policy', 'diff', strict, shipped, '--decisions', exported]
    expect(await admin(widening)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/Allowed from now on: ACME_CLOSED/u),
    })
    expect(await admin([...widening, '--budget', '50'])).toMatchObject({ exitCode: 0 })
  })

  test('not from a file that is not there, nor of a window that ends before it begins', async () => {
    const missing = await admin(['policy', 'diff', strict, strict, '--decisions', join(folder, 'none')])
    expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('does not exist') })
    const exported = join(folder, 'window.ndjson')
    await admin(['audit', 'export', '-o', exported])
    const window = ['--from', '2026-02-01T00:00:00Z', '--to', '2026-01-01T00:00:00Z']
    expect(await admin(['policy', 'replay', strict, '--decisions', exported, ...window])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--from is not before --to'),
    })
  })

  test.each([
    ['no export', 'nothing of the kind\n', /line 1: no audit export/u],
    ['nothing', '', /is empty/u],
  ])('not from a file with %s', async (_, content, says) => {
    const file = join(folder, 'bad.ndjson')
    await writeFile(file, content)
    const ended = await admin(['policy', 'replay', strict, '--decisions', file])
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(says) })
  })
})

describe('a bundle that denies every read, once the gateway keeps it', () => {
  let digest: string
  beforeAll(async () => {
    const closed = freeze.replace('\tinput.resource.environment == "staging"\n', '')
    const bytes = await author.bundle({ revision: 'closed', sequence: 2, rego: closed })
    const headers = { authorization: `Bearer ${gateway.adminKey}`, 'content-type': 'application/gzip' }
    const pushed = await fetch(`${gateway.url}/api/v1/policy/bundle`, { method: 'PUT', headers, body: bytes })
    expect(pushed.status).toBe(200)
    digest = Object(await pushed.json()).digest
  })

  test('is replayed with all flips counted, and those told whose resource the asker may see', async () => {
    const flippedFor = async ({ api }: Pick<Person, 'api'>) => {
      const { body } = await api.post('/policy/replay', { digest })
      const { narrowed, flips } = body as { readonly narrowed: number; readonly flips: readonly Flip[] }
      return { narrowed, names: new Set(flips.map(({ input }) => input.resource.name)) }
    }
    const all = await flippedFor(gateway)
    expect(all.names).toEqual(new Set(['db', 'prod-db']))
    expect(await flippedFor(pia)).toEqual({ narrowed: all.narrowed, names: new Set(['db']) })
  })

  test('is replayed on the calls of a window', async () => {
    const { body } = await gateway.api.get('/audit?type=AI_AGENT_APPROVAL_REQUIRED')
    const at = String(itemsOf(body)[0]?.['at'])
    const from = async (window: object) => (await gateway.api.post('/policy/replay', { digest, ...window })).body
    const [earlier, later] = [await from({ to: at }), await from({ from: at })]
    expect(JSON.stringify(earlier)).not.toContain('prod-db')
    expect(JSON.stringify(later)).toContain('prod-db')
    expect(await from({})).toMatchObject({ decisions: Number(earlier['decisions']) + Number(later['decisions']) })
    expect(await from({ to: '2020-01-01T00:00:00Z' })).toMatchObject({ decisions: 0, flips: [] })
  })
})

function elevationTo(group: string): PolicyInput['elevation'] {
  return { active: true, id: 'elv_1', scopes: [], groups: [group], expiresUnixMs: 9_999_999_999_999 }
}

async function recordedInput(decisionId: string): Promise<PolicyInput> {
  const { stdout } = await admin(['audit', 'export'])
  const entries = stdout.split('\n').filter((line) => line.includes(decisionId) && line.includes('"input"'))
  return JSON.parse(entries[0] ?? '{}').input
}
