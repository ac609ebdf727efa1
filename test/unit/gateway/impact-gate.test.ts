import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { impactOf } from '../../../src/gateway/bundles/impact-gate.ts'
import { canonicalJson } from '../../../src/kernel/canonical-json.ts'
import { readBundle } from '../../../src/policy/bundle.ts'
import type { Decision } from '../../../src/policy/decision.schema.ts'
import { createPolicyEngine } from '../../../src/policy/wasm-policy-engine.ts'
import { anInput, answering, bundleOf } from '../policy/make-bundle.ts'

const bundle = readBundle(await readFile(new URL('../../../bundles/certlocker.tar.gz', import.meta.url)))
if (!bundle.ok) throw new Error(bundle.error.detail)
const engine = createPolicyEngine()
const candidate = await engine.load(bundle.value, true)
if (!candidate.ok) throw new Error(candidate.error.detail)
const { digest } = engine.serve(candidate.value)

// No rule knows the action, so every policy denies it. A record that says otherwise shows who was asked.
const input = anInput()
const denied = engine.decide(input).decision
const allowed: Decision = { ...denied, effect: 'allow' }

async function impactOn(policy: string | null, decision: Decision) {
  const recordedDecisions = async function* () {
    yield { input: canonicalJson(input), decision: canonicalJson(decision), policy }
  }
  if (!candidate.ok) throw new Error(candidate.error.detail)
  return impactOf({ engine, impactDecisions: 1, stores: { bundles: { recordedDecisions } } }, candidate.value)
}

describe('a recorded decision', () => {
  test('of the policy that is active is what stands before, without asking again', async () => {
    expect(await impactOn(digest, allowed)).toMatchObject({ decisions: 1, narrowed: 1 })
  })

  test.each([
    ['of another policy', 'sha256:00', allowed],
    ['of no policy', null, allowed],
    [
      'that the gateway itself changed',
      digest,
      { ...allowed, reasons: denied.reasons.map((each) => ({ ...each, rule: 'gateway' })) },
    ],
  ])('%s is asked again, of the policy that is active', async (_, policy, decision) => {
    expect(await impactOn(policy, decision)).toMatchObject({ decisions: 1, narrowed: 0, widened: 0 })
  })
})

test('what other policies decided is counted whether the answer stays or not, and the flip is told', async () => {
  const opener = answering({
    effect: '"allow"',
    reasons:
      '[{"code": "OPEN", "title": "Yes", "severity": "low", "rule": "main", "details": {}, "visibility": "agent"}]',
  })
  const [closed, open] = [await bundleOf(answering({})), await bundleOf(opener)]
  const serving = createPolicyEngine()
  expect(serving.activate(closed).ok).toBe(true)
  const opening = await serving.load(open, false)
  if (!opening.ok) throw new Error(opening.error.detail)
  const other = { ...input, call: { ...input.call, action: 'unasked' } }
  const recordedDecisions = async function* () {
    for (const asked of [other, input, other, { nothing: 'of the kind' }])
      yield { input: JSON.stringify(asked), decision: canonicalJson(denied), policy: null }
  }
  const deps = { engine: serving, impactDecisions: 4, stores: { bundles: { recordedDecisions } } }
  expect(await impactOf(deps, opening.value)).toMatchObject({ decisions: 4, widened: 1, flips: [{ input }] })
})

test('while no policy is active there is nothing to compare with', async () => {
  const recordedDecisions = async function* () {
    yield { input: '', decision: '', policy: null }
  }
  const deps = { engine: createPolicyEngine(), impactDecisions: 1, stores: { bundles: { recordedDecisions } } }
  expect(await impactOf(deps, candidate.value)).toBeUndefined()
})
