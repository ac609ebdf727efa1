import { describe, expect, test } from 'vitest'
import { factAt, type FactValue, type InputPath, withFact } from '../../../../src/policy/analysis/input-path.ts'
import { smallestFlip } from '../../../../src/policy/analysis/smallest-flip.ts'
import { typicalQuestions } from '../../../../src/policy/analysis/typical-questions.ts'
import type { Decision } from '../../../../src/policy/decision.schema.ts'
import type { PolicyInput } from '../../../../src/policy/input.schema.ts'
import { flipOf } from '../../../../src/policy/replay.ts'

const [typical] = typicalQuestions({ paths: [], words: ['secret.read'], numbers: [] })
if (typical === undefined) throw new Error('there is no typical question')

function answer(effect: Decision['effect'], ...codes: readonly string[]): Decision {
  const shared = { title: '', severity: 'high', rule: 'custom.acme', details: {}, visibility: 'agent' } as const
  return {
    schema: 'certlocker.decision/v1',
    inputSchema: 'certlocker.input/v1',
    callId: '',
    effect,
    reasons: codes.map((code) => ({ ...shared, code })),
    obligations: [],
    approval: { groups: [], roles: [], quorum: 0, useSeconds: 0 },
    labels: {},
  }
}

/** What is left of an input that one policy denies as the function says, and the other allows. */
function leftOf(facts: readonly [path: string, value: FactValue][], before: (input: PolicyInput) => Decision) {
  const sides = { before, after: () => answer('allow', 'OPEN') }
  const input = facts.reduce((at, [path, value]) => withFact(at, path.split('.'), value), typical as PolicyInput)
  const flip = flipOf(input, sides.before(input), sides.after())
  if (flip === undefined) throw new Error('nothing flips')
  const paths: InputPath[] = facts.map(([path]) => path.split('.'))
  const left = smallestFlip(flip, sides, { paths, words: [], numbers: [] })
  return Object.fromEntries(facts.map(([path]) => [path, factAt(left.input, path.split('.'))]))
}

describe('a flip is reduced', () => {
  test('without becoming one for another first reason', () => {
    const left = leftOf(
      [
        ['principal.riskLevel', 'high'],
        ['client.name', 'cursor'],
      ],
      ({ principal, client }) =>
        answer(
          'deny',
          ...(principal.riskLevel === 'high' ? ['A_RISK'] : []),
          ...(client.name === '' ? [] : ['B_CLIENT']),
        ),
    )
    expect(left).toEqual({ 'principal.riskLevel': 'high', 'client.name': '' })
  })

  test('without becoming one from another answer', () => {
    const left = leftOf([['principal.riskLevel', 'high']], ({ principal }) =>
      answer(principal.riskLevel === 'high' ? 'deny' : 'require_approval', 'ACME'),
    )
    expect(left).toEqual({ 'principal.riskLevel': 'high' })
  })

  test('of facts that only another fact made necessary, which went later', () => {
    const left = leftOf(
      [
        ['client.name', 'cursor'],
        ['session.id', 's'],
      ],
      ({ client, session }) => answer(session.id === '' || client.name === 'cursor' ? 'deny' : 'allow', 'ACME'),
    )
    expect(left).toEqual({ 'client.name': '', 'session.id': '' })
  })

  test('to the items of a list, the arguments and the labels that it needs', () => {
    const left = leftOf(
      [
        ['principal.scopes', ['audit:write', 'host:read', 'probe:read', 'secret:read']],
        ['arguments.reason', 'x'],
        ['arguments.host', 'y'],
        ['resource.labels.tier', 'gold'],
        ['resource.labels.team', 'a'],
      ],
      ({ principal, resource, arguments: given }) =>
        answer(
          principal.scopes.includes('host:read') && given['reason'] === 'x' && resource.labels['tier'] === 'gold'
            ? 'deny'
            : 'allow',
          'ACME',
        ),
    )
    expect(left).toEqual({
      'principal.scopes': ['host:read'],
      'arguments.reason': 'x',
      'arguments.host': undefined,
      'resource.labels.tier': 'gold',
      'resource.labels.team': undefined,
    })
  })
})
