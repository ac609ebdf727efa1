import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { diffBundles } from '../../../../src/policy/analysis/bundle-diff.ts'
import { changedConditions } from '../../../../src/policy/analysis/changed-conditions.ts'
import { explain } from '../../../../src/policy/analysis/explain.ts'
import { factsOf, pathText, withFact } from '../../../../src/policy/analysis/input-path.ts'
import { placeOf } from '../../../../src/policy/analysis/rule-place.ts'
import { typicalQuestions } from '../../../../src/policy/analysis/typical-questions.ts'
import { spoken, vocabularyOf } from '../../../../src/policy/analysis/vocabulary.ts'
import { type Bundle, readBundle } from '../../../../src/policy/bundle.ts'
import type { Decision } from '../../../../src/policy/decision.schema.ts'
import { inputProblem } from '../../../../src/policy/input-check.ts'
import type { PolicyInput } from '../../../../src/policy/input.schema.ts'
import { createPolicyEngine } from '../../../../src/policy/wasm-policy-engine.ts'

const read = readBundle(readFileSync(new URL('../../../../bundles/certlocker.tar.gz', import.meta.url)))
if (!read.ok) throw new Error(read.error.detail)
const shipped = read.value
const engine = createPolicyEngine()
engine.activate(shipped)

const rule = `package custom.acme

# METADATA
# title: Access denied. Not outside working hours
# custom:
#   code: ACME_HOURS
deny contains _reason(rego.metadata.rule()) if {
	input.call.action == "secret.read"
	input.principal.riskLevel in {"high", "critical"}
	input.call.time.hour >= 18 # "not a word"
}
`
const withRule: Bundle = {
  ...shipped,
  files: new Map([...shipped.files, ['custom/acme/acme.rego', Buffer.from(rule)]]),
}

/** As the engine would answer with the rule compiled in. */
function decideWithRule(input: PolicyInput): Decision {
  const { decision } = engine.decide(input)
  const { call, principal } = input
  const isDenied =
    call.action === 'secret.read' && ['high', 'critical'].includes(principal.riskLevel) && call.time.hour >= 18
  if (!isDenied) return decision
  const reason = {
    code: 'ACME_HOURS',
    title: 'No',
    severity: 'high',
    rule: 'custom.acme',
    details: {},
    visibility: 'agent',
  } as const
  return { ...decision, effect: 'deny', reasons: [...(decision.effect === 'deny' ? decision.reasons : []), reason] }
}

function loaded(bundle: Bundle, decide: (input: PolicyInput) => Decision) {
  const answer = (input: string) => JSON.stringify(decide(JSON.parse(input)))
  return { bundle, policy: { version: bundle.version, decide, answer } }
}

const before = loaded(shipped, (input) => engine.decide(input).decision)
const after = loaded(withRule, decideWithRule)

function changedIn(bundle: Bundle) {
  return spoken(changedConditions(shipped, bundle).flat())
}

describe('the vocabulary of rules', () => {
  test('holds the facts that they look at and the values that they compare with, and nothing of comments', () => {
    expect(changedIn(withRule)).toEqual({
      paths: [
        ['call', 'action'],
        ['principal', 'riskLevel'],
        ['call', 'time', 'hour'],
      ],
      words: ['secret.read', 'high', 'critical'],
      numbers: [18],
    })
  })

  test('of changed tunables is that of the rules which read them', () => {
    const data = JSON.parse(JSON.stringify(shipped.data))
    data.certlocker.config.deniedNamesPerMinuteMax = 7
    const changed = changedIn({ ...shipped, data })
    expect(changed.numbers).toContain(7)
    expect(changed.paths).toContainEqual(['history', 'minute', 'deniedNames'])
    expect(changed.paths).not.toContainEqual(['resource', 'disclosure'])
  })

  test('of nothing that changed is nothing', () => {
    expect(changedIn(shipped)).toEqual({ paths: [], words: [], numbers: [] })
  })
})

describe('typical questions', () => {
  const questions = typicalQuestions(vocabularyOf(shipped))

  test('are inputs that a policy may see', () => {
    expect(questions.length).toBeGreaterThan(100)
    expect(questions.map(inputProblem).filter((problem) => problem !== undefined)).toEqual([])
  })

  test('ask what agents may do in development, and most of what an admin may', () => {
    const allowed = (kind: string, action: string) =>
      questions.some(
        (input) =>
          input.principal.kind === kind &&
          input.call.action === action &&
          engine.decide(input).decision.effect === 'allow',
      )
    for (const action of ['secret.read', 'host.list', 'probe.create', 'audit.write', 'resource.list'])
      expect([action, allowed('agent', action)]).toEqual([action, true])
    for (const action of ['agent.suspend', 'secret.create', 'policy.push']) expect(allowed('person', action)).toBe(true)
  })
})

describe('a diff', () => {
  test('finds a rule that needs several facts at once, and says no more than them', async () => {
    const { widened, narrowed, flips } = await diffBundles(before, after, [])
    expect({ widened, isNarrowed: narrowed > 0 }).toEqual({ widened: 0, isNarrowed: true })
    expect(new Set(flips.map(({ code }) => code))).toEqual(new Set(['ACME_HOURS']))
    const paths = new Set(flips.flatMap(({ facts }) => facts.map(({ path }) => path)))
    expect(paths).toEqual(
      new Set(['input.call.action', 'input.call.time.hour', 'input.principal.kind', 'input.principal.riskLevel']),
    )
  })

  test('is the reverse the other way round, and counts what was recorded one by one', async () => {
    const [evening] = typicalQuestions({ paths: [], words: ['secret.read'], numbers: [] })
      .filter(({ principal }) => principal.kind === 'agent')
      .map((input) => withFact(withFact(input, ['principal', 'riskLevel'], 'critical'), ['call', 'time', 'hour'], 20))
    if (evening === undefined) throw new Error('there is no typical question')
    const recorded = [evening, evening, evening]
    const { recorded: asked, approvals, narrowed } = await diffBundles(after, before, recorded)
    expect({ asked, narrowed }).toEqual({ asked: 3, narrowed: 0 })
    expect(approvals).toBeGreaterThanOrEqual(3)
  })

  test('of a bundle with itself is empty', async () => {
    expect(await diffBundles(before, before, [])).toMatchObject({ widened: 0, narrowed: 0, approvals: 0, flips: [] })
  })
})

describe('an explanation', () => {
  const suspended = typicalQuestions({ paths: [], words: ['secret.read'], numbers: [] })
    .filter(({ principal }) => principal.kind === 'agent')
    .map((input) => withFact(withFact(input, ['principal', 'status'], 'suspended'), ['principal', 'scopes'], []))[0]
  if (suspended === undefined) throw new Error('there is no typical question')

  test('of several reasons finds all that would have to change at once', async () => {
    const { reasons, leastChange } = await explain(shipped, before.policy.decide, suspended)
    expect(reasons.map(({ code, facts }) => [code, facts.map(({ path }) => path)])).toEqual([
      ['AGENT_SUSPENDED', ['input.principal.status']],
      ['SCOPE_MISSING', ['input.principal.scopes']],
    ])
    expect(leastChange).toEqual({
      effect: 'allow',
      changes: expect.arrayContaining([
        { path: 'input.principal.status', from: 'suspended', to: 'active' },
        { path: 'input.principal.scopes', from: [], to: ['secret:read'] },
      ]),
    })
    expect(leastChange?.changes).toHaveLength(2)
  })

  test('holds: with the changes that it names, the answer is the one that it says', async () => {
    const { leastChange } = await explain(shipped, before.policy.decide, suspended)
    const paths = new Map(factsOf(suspended).map(({ path }) => [pathText(path), path]))
    const changed = (leastChange?.changes ?? []).reduce(
      (input, { path, to }) => withFact(input, paths.get(path) ?? [], to),
      suspended,
    )
    expect(engine.decide(changed).decision.effect).toBe(leastChange?.effect)
  })

  test('names no group that the asker does not have', async () => {
    const rego = 'package custom.acme\n\ndeny contains _no if not "finance" in input.principal.groups\n'
    const bundle = { ...shipped, files: new Map([['custom/acme/acme.rego', Buffer.from(rego)]]) }
    const decide = (input: PolicyInput): Decision => {
      const { decision } = engine.decide(input)
      return input.principal.groups.includes('finance')
        ? { ...decision, effect: 'allow' }
        : { ...decision, effect: 'deny' }
    }
    const asked = withFact(suspended, ['resource', 'groups'], ['edge', 'ops'])
    const toldTo = async (groups: readonly string[]) =>
      JSON.stringify((await explain(bundle, decide, asked, (group) => groups.includes(group))).leastChange)
    expect(await toldTo(['edge', 'finance'])).toMatch(/principal\.groups.*finance/u)
    expect(await toldTo(['edge'])).toBe('null')
  })

  test('names the line on which a rule begins', () => {
    expect(placeOf(withRule.files, { rule: 'custom.acme', code: 'ACME_HOURS' })).toEqual({
      file: 'custom/acme/acme.rego',
      line: 7,
    })
    expect(placeOf(withRule.files, { rule: 'custom.acme', code: 'ACME_OTHER' })).toBeNull()
  })
})
