import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { readBundle } from '../../../src/policy/bundle.ts'
import { decisionSchema } from '../../../src/policy/decision.schema.ts'
import type { PolicyInput } from '../../../src/policy/input.schema.ts'
import { inputProblem } from '../../../src/policy/input-check.ts'
import { type ActivatablePolicyEngine, createPolicyEngine } from '../../../src/policy/wasm-policy-engine.ts'
import { exercised } from '../../support/components.ts'
import { anInput } from '../../unit/policy/make-bundle.ts'

const isDecision = new Ajv().compile(decisionSchema)
const anyText = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 12 })
const anyJson = fc.jsonValue({ maxDepth: 24, stringUnit: anyText.filter((text) => text.length > 0) })
const engine = createPolicyEngine()

beforeAll(() => {
  const bundle = readBundle(readFileSync(new URL('../../../bundles/certlocker.tar.gz', import.meta.url)))
  expect(bundle.ok && engine.activate(bundle.value).ok).toBe(true)
  exercised('opa-wasm')
})

/** Asks whatever was generated, as no typed caller could. */
function answered(by: ActivatablePolicyEngine, question: unknown) {
  const { decision } = by.decide(question as PolicyInput)
  expect(isDecision(decision), JSON.stringify(isDecision.errors)).toBe(true)
  return decision
}

test('whatever JSON is asked, the answer is a well-formed denial', () => {
  fc.assert(
    fc.property(anyJson, (question) => {
      expect(answered(engine, question).effect).toBe('deny')
    }),
    { numRuns: 2000 },
  )
})

test('whatever JSON takes the place of one member of an input, the answer is well-formed', () => {
  const places = Object.keys(anInput())
  fc.assert(
    fc.property(fc.constantFrom(...places), anyJson, (place, value) => {
      const question = { ...anInput(), [place]: value }
      const { effect } = answered(engine, question)
      if (inputProblem(question) !== undefined) expect(effect).toBe('deny')
    }),
    { numRuns: 2000 },
  )
})

test('ten thousand ill-formed and overdeep questions later, it answers as before', () => {
  const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`)
  const before = engine.decide(anInput()).decision
  for (let round = 0; round < 5000; round += 1) {
    answered(engine, anInput({ arguments: { text: `\ud800${round}` } }))
    answered(engine, anInput({ arguments: { deep } }))
  }
  expect(engine.decide(anInput()).decision).toEqual(before)
})
