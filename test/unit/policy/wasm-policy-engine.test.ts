import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { faults } from '../../../src/kernel/faults.ts'
import { type Bundle, readBundle } from '../../../src/policy/bundle.ts'
import { decisionSchema } from '../../../src/policy/decision.schema.ts'
import { inputStringMax, type PolicyInput } from '../../../src/policy/input.schema.ts'
import { inputBounds } from '../../../src/policy/input-check.ts'
import type { PolicyEngine } from '../../../src/policy/policy-engine.ts'
import { type ActivatablePolicyEngine, createPolicyEngine } from '../../../src/policy/wasm-policy-engine.ts'
import { exercised } from '../../support/components.ts'
import { anInput, answering, bundleOf, opening } from './make-bundle.ts'

const reason =
  '{"code": "COMPANY_RULE", "title": "x", "severity": "low", "rule": "r", "details": {}, "visibility": "agent"}'

function shippedBundle(): Bundle {
  const bundle = readBundle(readFileSync(new URL('../../../bundles/certlocker.tar.gz', import.meta.url)))
  if (!bundle.ok) throw new Error(bundle.error.detail)
  return bundle.value
}

async function serving(rego: string, data?: object) {
  const engine = createPolicyEngine()
  expect(engine.activate(await bundleOf(rego, data === undefined ? {} : { data }))).toMatchObject({ ok: true })
  return engine
}

function codeOf(engine: PolicyEngine, input: PolicyInput) {
  const { decision } = engine.decide(input)
  expect(decision.effect).toBe('deny')
  return decision.reasons.map(({ code }) => code).join()
}

/** The same call under an action that every test policy answers with a plain denial. */
const harmless = () => anInput({ call: { id: 'dec_2', action: 'other', tool: '', digest: '', attempt: 1, unixMs: 0 } })

describe('without a policy', () => {
  test('everything is denied, and the denial is a well-formed decision about this call', () => {
    const { decision, policy } = createPolicyEngine().decide(anInput())
    expect(policy).toEqual({ revision: '', digest: '', sequence: 0 })
    expect(Object.keys(decision).toSorted()).toEqual(decisionSchema.required.toSorted())
    expect(decision).toMatchObject({ callId: 'dec_1', effect: 'deny' })
    expect(decision.reasons).toEqual([
      {
        code: 'GATEWAY_POLICY_UNAVAILABLE',
        title: faults.GATEWAY_POLICY_UNAVAILABLE.text,
        severity: 'high',
        rule: 'gateway',
        details: { problem: 'no bundle is active' },
        visibility: 'agent',
      },
    ])
  })
})

describe('the shipped policy', () => {
  test('passes its self-test and speaks the words of the contract', () => {
    const engine = createPolicyEngine()
    const bundle = shippedBundle()
    expect(engine.activate(bundle)).toEqual({ ok: true, value: bundle.version })
    expect(engine.active()).toEqual(bundle.version)
    const { decision } = engine.decide(
      anInput({
        call: {
          id: 'dec_1',
          action: 'secret.read',
          tool: 'certlocker_get_secret',
          digest: 'sha256:00',
          attempt: 1,
          unixMs: 1,
        },
        principal: {
          kind: 'agent',
          id: 'agt_1',
          name: 'cursor-ops',
          status: 'active',
          riskLevel: 'low',
          scopes: ['secret:read'],
          groups: ['edge'],
        },
        token: { id: 'tok_1', groups: ['edge'], scopes: ['secret:read'], expiresUnixMs: 2, cidrMatched: true },
        resource: {
          type: 'secret',
          name: 'prod-db-password',
          exists: true,
          groups: ['prod'],
          environment: 'production',
          kind: 'shared',
          disclosure: 'raw',
        },
      }),
    )
    exercised('opa-wasm')
    expect(decision.reasons).toEqual([
      expect.objectContaining({ title: 'Access denied. Token is scoped to groups [edge], secret is in [prod]' }),
    ])
  })
})

describe('an answer that is not whole is a denial with its own code', () => {
  test.each([
    ['an unknown effect', answering({ effect: '"maybe"' }), 'GATEWAY_DECISION_INVALID'],
    ['another schema', answering({ schema: '"certlocker.decision/v2"' }), 'GATEWAY_DECISION_INVALID'],
    ['no echo of the input schema', answering({ inputSchema: '""' }), 'GATEWAY_DECISION_INVALID'],
    ['the id of another call', answering({ callId: '"dec_9"' }), 'GATEWAY_DECISION_MISMATCH'],
    ['an allow without a reason', answering({ effect: '"allow"', reasons: '[]' }), 'GATEWAY_DECISION_INVALID'],
    ['a denial without a reason', answering({ reasons: '[]' }), 'GATEWAY_DECISION_INVALID'],
    [
      'an allow for a reason to deny',
      answering({ effect: '"allow"', reasons: `[${reason.replace('"x"', '"Access denied. No"')}]` }),
      'GATEWAY_DECISION_INVALID',
    ],
    [
      'an allow that asks for an approval',
      answering({
        effect: '"allow"',
        reasons: `[${reason}]`,
        approval: '{"groups": [], "roles": [], "quorum": 1, "useSeconds": 1}',
      }),
      'GATEWAY_DECISION_INVALID',
    ],
    [
      'an approval by nobody',
      answering({ effect: '"require_approval"', reasons: `[${reason}]` }),
      'GATEWAY_DECISION_INVALID',
    ],
    ['a member too many', answering({ labels: '{}, "more": 1' }), 'GATEWAY_DECISION_INVALID'],
    ['a member that every object inherits', answering({ labels: '{}, "__proto__": {}' }), 'GATEWAY_DECISION_INVALID'],
    [
      'a number that JSON cannot say',
      answering({ reasons: `[${reason.replace('"details": {}', '"details": {"n": 1e400}')}]` }),
      'GATEWAY_DECISION_INVALID',
    ],
    [
      'a text instead of an object',
      `${opening}\ndecision := "allow" if input.call.action == "asked"\n\n${harmlessRule()}`,
      'GATEWAY_DECISION_INVALID',
    ],
    ['nothing', `${opening}\n${harmlessRule()}`, 'GATEWAY_DECISION_UNDEFINED'],
    [
      'an unknown obligation',
      answering({ obligations: '[{"type": "pray", "properties": {}}]' }),
      'GATEWAY_OBLIGATION_UNKNOWN',
    ],
    [
      'an obligation that every map inherits',
      answering({ obligations: '[{"type": "constructor", "properties": {}}]' }),
      'GATEWAY_OBLIGATION_UNKNOWN',
    ],
    [
      'a malformed obligation',
      answering({ obligations: '[{"type": "max_ttl_seconds", "properties": {"seconds": "1"}}]' }),
      'GATEWAY_OBLIGATION_UNKNOWN',
    ],
    [
      'a conflict of rules',
      answering({ labels: '{"x": twice}' }, 'twice := 1 if input.mode\n\ntwice := 2 if input.mode'),
      'GATEWAY_POLICY_ERROR',
    ],
    [
      'more memory than there is',
      answering(
        { labels: '{"x": endless}' },
        'endless := concat("", [x | some n in numbers.range(1, 20000000); x := "a"])',
      ),
      'GATEWAY_POLICY_ERROR',
    ],
  ])('%s', async (_, rego, code) => {
    const engine = await serving(rego)
    for (let round = 0; round < 3; round += 1) {
      expect(codeOf(engine, anInput())).toBe(code)
      expect(codeOf(engine, harmless())).toBe('DEFAULT_DENY')
    }
  })

  function harmlessRule(): string {
    return answering({ effect: 'input.absent' }).slice(opening.length)
  }
})

test('thousands of thrown evaluations do not use up an instance: each is replaced', async () => {
  const engine = await serving(
    answering({ labels: '{"x": twice}' }, 'twice := 1 if input.mode\n\ntwice := 2 if input.mode'),
  )
  for (let round = 0; round < 3000; round += 1) expect(codeOf(engine, anInput())).toBe('GATEWAY_POLICY_ERROR')
  expect(codeOf(engine, harmless())).toBe('DEFAULT_DENY')
})

test('tunables of the bundle are seen by its rules, also by an instance that replaced another', async () => {
  const rego = answering({ effect: 'data.certlocker.config.effect', reasons: `[${reason}]` }, '')
  const engine = await serving(rego, { certlocker: { config: { effect: 'allow' } } })
  expect(engine.decide(anInput()).decision.effect).toBe('allow')
  const greedy = anInput({ arguments: { text: 'a'.repeat(inputBounds.sizeMax - 2000) } })
  for (let round = 0; round < 200; round += 1) expect(engine.decide(greedy).decision.effect).toBe('allow')
  expect(engine.decide(anInput()).decision.effect).toBe('allow')
})

test('lists of a decision come in canonical order, whatever order the policy gave', async () => {
  const coded = (code: string, rule: string) => reason.replace('COMPANY_RULE', code).replace('"r"', `"${rule}"`)
  const engine = await serving(
    answering({
      reasons: `[${coded('BBB', 'z')}, ${coded('AAA', 'y')}, ${coded('AAA', 'x')}]`,
      obligations: '[{"type": "use_only", "properties": {}}, {"type": "record", "properties": {"level": "full"}}]',
    }),
  )
  const { reasons, obligations } = engine.decide(anInput()).decision
  expect(reasons.map(({ code, rule }) => `${code} ${rule}`)).toEqual(['AAA x', 'AAA y', 'BBB z'])
  expect(obligations.map(({ type }) => type)).toEqual(['record', 'use_only'])
})

describe('an input that a policy must not see is denied before it is evaluated', () => {
  const cyclic: { self?: object } = {}
  cyclic.self = cyclic
  let engine: ActivatablePolicyEngine
  beforeAll(async () => {
    engine = await serving(answering({}))
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', '{"call": {}}'],
    ['bytes', new TextEncoder().encode('{}').buffer],
    ['an empty object', {}],
    ['a member missing', Object.fromEntries(Object.entries(anInput()).filter(([name]) => name !== 'mode'))],
    ['a member too many', { ...anInput(), more: 1 }],
    ['a null where the schema has text', { ...anInput(), client: { ...anInput().client, ip: null } }],
    ['a text past the bound', { ...anInput(), client: { ...anInput().client, ip: 'a'.repeat(inputStringMax + 1) } }],
    ['a lone surrogate', { ...anInput(), arguments: { text: '\ud800' } }],
    ['a lone surrogate in a name', { ...anInput(), arguments: { '\udc00': 1 } }],
    ['a number that is not finite', { ...anInput(), arguments: { n: Number.NaN } }],
    ['a function that JSON would call', { ...anInput(), arguments: { toJSON: () => ({}) } }],
    ['an object of a class', { ...anInput(), arguments: { at: new Date(0) } }],
    ['a cycle', { ...anInput(), arguments: cyclic }],
  ])('%s', (_, input) => {
    expect(codeOf(engine, input as PolicyInput)).toBe('GATEWAY_INPUT_INVALID')
  })

  test('an accessor that throws', () => {
    const trap = {
      get call() {
        throw new Error('no')
      },
    }
    expect(codeOf(engine, trap as unknown as PolicyInput)).toBe('GATEWAY_POLICY_ERROR')
  })

  test('arguments fit at the bounds and are refused one past them', () => {
    const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) })
    expect(codeOf(engine, anInput({ arguments: { ...nested(inputBounds.depthMax - 1) } }))).toBe('DEFAULT_DENY')
    expect(codeOf(engine, anInput({ arguments: { ...nested(inputBounds.depthMax) } }))).toBe('GATEWAY_INPUT_INVALID')
    expect(codeOf(engine, anInput({ client: { ip: 'a'.repeat(inputStringMax) } }))).toBe('DEFAULT_DENY')
    expect(codeOf(engine, anInput({ arguments: { text: 'a'.repeat(inputBounds.sizeMax) } }))).toBe(
      'GATEWAY_INPUT_INVALID',
    )
  })
})

describe('a bundle that cannot serve is refused, and the one before goes on', () => {
  test.each([
    ['needs a builtin of the host', answering({ labels: '{"x": crypto.sha256("a")}' }), [], 'BUNDLE_BUILTIN_UNKNOWN'],
    [
      'needs a builtin that differs from OPA',
      answering({ labels: '{"x": sprintf("%d", [1])}' }),
      [],
      'BUNDLE_BUILTIN_UNKNOWN',
    ],
    ['prints', conditioned('noted', 'noted if print(input.mode)'), ['--wasm-include-print'], 'BUNDLE_BUILTIN_UNKNOWN'],
    [
      'always throws',
      `${opening}\ndecision := 1 if input.mode\n\ndecision := 2 if input.mode`,
      [],
      'BUNDLE_SELF_TEST_FAILED',
    ],
    ['has no decision', `${opening}\ndecision := 1 if input.absent`, [], 'BUNDLE_SELF_TEST_FAILED'],
    ['is slow on long lists', conditioned('not triples', triples), [], 'BUNDLE_TOO_SLOW'],
  ])('%s', async (_, rego, flags, code) => {
    const engine = createPolicyEngine()
    const good = await bundleOf(answering({}))
    engine.activate(good)
    expect(engine.activate(await bundleOf(rego, { flags }))).toMatchObject({ ok: false, error: { code } })
    expect(engine.active()).toEqual(good.version)
    expect(codeOf(engine, anInput())).toBe('DEFAULT_DENY')
  })

  test('is no module of a policy', async () => {
    const bundle = await bundleOf(answering({}))
    const engine = createPolicyEngine()
    const problem = (wasm: Uint8Array) => {
      const activated = engine.activate({ ...bundle, wasm })
      return activated.ok ? activated.value : activated.error
    }
    expect(problem(Buffer.from('nonsense'))).toMatchObject({ code: 'BUNDLE_MODULE_INVALID' })
    expect(problem(emptyModule)).toEqual({ code: 'BUNDLE_MODULE_INVALID', detail: 'does not export opa_eval' })
    expect(problem(printingModule)).toEqual({ code: 'BUNDLE_MODULE_INVALID', detail: 'imports env.opa_println' })
    expect(codeOf(engine, anInput())).toBe('GATEWAY_POLICY_UNAVAILABLE')
  })
})

/** The policy, with one more condition on every call but those that are asked. */
function conditioned(condition: string, rules: string): string {
  return answering({}, rules).replace(
    'if input.call.action != "asked"',
    `if { input.call.action != "asked"; ${condition} }`,
  )
}

const triples = `triples if {
  some a in input.principal.groups
  some b in input.resource.groups
  some c in input.resource.domains
  a == c
  b == c
}`
/** `\0asm`, version 1, and nothing else. */
const emptyModule = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
/** The empty module with a function type (i32) and the import of env.opa_println as a function of it. */
const printingModule = Buffer.concat([
  emptyModule,
  Buffer.from([1, 5, 1, 0x60, 1, 0x7f, 0, 2, 19, 1, 3]),
  Buffer.from('env'),
  Buffer.from([11]),
  Buffer.from('opa_println'),
  Buffer.from([0, 0]),
])

test('a policy is replaced between two calls: every answer is of the version that it names', async () => {
  const labelled = async (name: string) => {
    const bundle = await bundleOf(answering({ labels: `{"bundle": "${name}"}` }))
    return { ...bundle, version: { ...bundle.version, revision: name } }
  }
  const bundles = [await labelled('a'), await labelled('b')]
  const engine = createPolicyEngine()
  for (let round = 0; round < 10; round += 1) {
    for (const bundle of bundles) {
      engine.activate(bundle)
      for (const { decision, policy } of Array.from({ length: 50 }, () => engine.decide(anInput()))) {
        expect(policy.revision).toBe(bundle.version.revision)
        expect(decision.labels).toEqual({ bundle: policy.revision })
      }
    }
  }
})
