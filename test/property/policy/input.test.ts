import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildInput, type InputFacts } from '../../../src/policy/input.ts'
import { canonicalJson } from '../../../src/kernel/canonical-json.ts'
import { inputStringMax } from '../../../src/policy/input.schema.ts'
import { inputProblem } from '../../../src/policy/input-check.ts'

const unit = fc.nat(0xffff).map((code) => String.fromCharCode(code))
/** Texts of every kind, some ill-formed, some around the bound. */
const anyText = fc.oneof(
  fc.string({ unit, maxLength: 8 }),
  fc.tuple(fc.nat(2), fc.string({ unit, maxLength: 4 })).map(([less, end]) => 'a'.repeat(inputStringMax - less) + end),
)
const bounded = fc.string({ maxLength: 20 })
const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e300))
const anyTexts = fc.oneof(
  fc.array(anyText, { maxLength: 6 }),
  fc.constant(Array.from({ length: 1030 }, (_, index) => `${index}`)),
)
const few = fc.array(bounded, { maxLength: 6 })
const flag = fc.boolean()

function facts<T extends object>(members: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) {
  return fc.record(members, { requiredKeys: [] })
}

const activity = facts({
  calls: anyNumber,
  denials: anyNumber,
  deniedNames: anyNumber,
  distinctSecrets: anyNumber,
  productionReads: anyNumber,
})
const approvers = fc.array(fc.record({ id: anyText, role: anyText, groups: anyTexts }), { maxLength: 3 })

const anyFacts: fc.Arbitrary<InputFacts> = fc.record(
  {
    call: fc.record({
      id: bounded,
      action: bounded,
      tool: bounded,
      digest: bounded,
      attempt: anyNumber,
      unixMs: anyNumber,
    }),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Kiritimati'),
    principal: fc.record(
      {
        kind: fc.constantFrom('agent', 'person', 'service'),
        id: anyText,
        name: anyText,
        owner: anyText,
        ownerDisabled: flag,
        scopes: anyTexts,
        groups: anyTexts,
      },
      { requiredKeys: ['kind', 'id', 'name'] },
    ),
    token: facts({
      id: anyText,
      groups: anyTexts,
      scopes: anyTexts,
      expiresUnixMs: anyNumber,
      cidrs: anyTexts,
      cidrMatched: flag,
      singleUse: flag,
    }),
    session: facts({ id: anyText, ageSeconds: anyNumber, launcher: facts({ name: anyText, verified: flag }) }),
    history: facts({ minute: activity, hour: activity }),
    client: facts({ ip: anyText, name: anyText, version: anyText, protocol: anyText }),
    resource: fc.record(
      {
        type: bounded,
        name: bounded,
        exists: flag,
        id: bounded,
        groups: anyTexts,
        version: anyNumber,
        labels: fc.dictionary(bounded, bounded),
        owner: bounded,
        domains: anyTexts,
        probeTargets: anyTexts,
      },
      { requiredKeys: ['type', 'name', 'exists'] },
    ),
    derived: facts({
      url: facts({ scheme: bounded, host: bounded, port: anyNumber, path: bounded, ipClass: bounded }),
      command: facts({ argv0: bounded, argv: few, hasShellSyntax: flag }),
      ttlSeconds: anyNumber,
      includesPrivateKey: flag,
      domains: few,
    }),
    elevation: facts({ active: flag, id: anyText, scopes: anyTexts, groups: anyTexts, expiresUnixMs: anyNumber }),
    approval: fc.record(
      {
        status: fc.constantFrom('none', 'approved', 'expired'),
        id: anyText,
        callDigest: anyText,
        approvers,
        quorum: anyNumber,
        useBeforeUnixMs: anyNumber,
      },
      { requiredKeys: ['status'] },
    ),
  },
  { requiredKeys: ['call', 'timeZone', 'principal'] },
)

test('whatever is known, the input fits its schema, except for a text to be compared that is itself unfit', () => {
  fc.assert(
    fc.property(anyFacts, (known) => {
      expect(inputProblem(buildInput(known))).toBeUndefined()
    }),
    { numRuns: 1500 },
  )
})

test('an input lies in the order of canonical JSON, but for the names that a caller chose', () => {
  fc.assert(
    fc.property(anyFacts, (known) => {
      const input = buildInput(known)
      const built = { ...input, resource: { ...input.resource, labels: {} } }
      expect(JSON.stringify(built)).toBe(canonicalJson(built))
    }),
  )
})
