import { describe, expect, test } from 'vitest'
import { type Approval, vote } from '../../../../src/domain/approvals/approval.ts'
import { conflictOf } from '../../../../src/domain/approvals/approver.ts'
import { approvalFacts } from '../../../support/approval-facts.ts'

const ana = { id: 'per_ana', email: 'ana@example.com', name: 'Ana Owner' }
const bo = { id: 'per_bo', email: 'bo@example.com', name: 'Bo' }
const lee = { id: 'per_lee', email: 'lee@example.com', name: 'Lee Launcher' }
const by = (name: string, verified = false) => ({ ownerIds: ['per_ana'], launcher: { name, verified } })
const owned = { ownerIds: ['per_ana', 'per_old'], launcher: null }

describe('who may not decide', () => {
  test.each([
    ['anybody else', owned, ['person', bo], [], undefined],
    ['the owner', owned, ['person', ana], [], 'owner'],
    ['who owned the agent when it asked', owned, ['person', { ...bo, id: 'per_old' }], [], 'owner'],
    ['a service account', owned, ['service', undefined], [], 'service'],
    ['a service account that bears the id of a person', owned, ['service', bo], [], 'service'],
    ['another person with a key that the owner minted', owned, ['person', bo], [ana], 'key_minted_by_owner'],
    [
      'another person with a key from a chain that the owner began',
      owned,
      ['person', bo],
      [bo, ana],
      'key_minted_by_owner',
    ],
    ['another person with a key that somebody else minted', owned, ['person', bo], [lee], undefined],
    ['the verified launcher', by('lee@example.com', true), ['person', lee], [], 'launcher'],
    ['the launcher by another case', by(' LEE@example.com ', true), ['person', lee], [], 'launcher'],
    ['the launcher by a claimed name', by('Lee Launcher'), ['person', lee], [], 'launcher'],
    [
      'another person with a key that the launcher minted',
      by('lee@example.com'),
      ['person', bo],
      [lee],
      'key_minted_by_launcher',
    ],
    ['somebody whom the launcher is not', by('lee'), ['person', lee], [], undefined],
  ] as const)('%s', (_, approval, [kind, person], minters, conflict) => {
    expect(conflictOf(approval, kind, person, minters)).toBe(conflict)
  })
})

describe('a vote', () => {
  const cast = {
    personId: 'per_bo',
    person: 'bo@example.com',
    verdict: 'approve',
    comment: '',
    role: 'approver',
  } as const
  const at = (ms: number, approval: Partial<Approval> = {}) =>
    vote(approvalFacts(approval), { ...cast, at: new Date(ms), useSeconds: 30 })

  test('counts until the last millisecond, and sets the shorter of both times to use it', () => {
    expect(at(99_999)).toMatchObject({ ok: true, value: { status: 'approved', useBefore: new Date(129_999) } })
    expect(at(100_000)).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
    const requirement = { groups: [], roles: ['approver'], quorum: 1, useSeconds: 5 }
    expect(at(0, { requirement })).toMatchObject({ value: { useBefore: new Date(5_000) } })
  })

  test.each([
    ['a frozen approval', { agentStatus: 'suspended' }, 'STATE_CONFLICT'],
    ['one that is decided', { status: 'approved' }, 'STATE_CONFLICT'],
    ['one on which the person voted', { votes: [{ ...cast, at: new Date(0) }] }, 'STATE_CONFLICT'],
    [
      'one that asks for other roles',
      { requirement: { groups: [], roles: ['admin'], quorum: 1, useSeconds: 1 } },
      'APPROVER_CONFLICT',
    ],
  ] as const)('is refused on %s', (_, approval, code) => {
    expect(at(1, approval)).toMatchObject({ ok: false, error: { code } })
  })
})
