import { describe, expect, test } from 'vitest'
import { type Agent, resume, revoke, suspend, withChanges } from '../../../../src/domain/agents/agent.ts'

const agent: Agent = {
  id: 'agt_1',
  name: 'cursor-ops',
  description: 'Ops',
  ownerId: 'per_1',
  owner: 'ada@example.com',
  riskLevel: 'low',
  scopes: ['secret:read'],
  groups: ['edge'],
  status: 'active',
  createdAt: new Date(0),
  createdBy: 'per_1',
}

describe('an agent', () => {
  test('is suspended and resumed with the rights it had', () => {
    const suspended = suspend(agent)
    expect(suspended).toEqual({ ok: true, value: { ...agent, status: 'suspended' } })
    expect(suspended.ok && resume(suspended.value)).toEqual({ ok: true, value: agent })
  })

  test('has no way back once revoked', () => {
    const revoked = revoke(agent)
    expect(revoke(revoked)).toEqual(revoked)
    for (const transition of [suspend, resume])
      expect(transition(revoked)).toMatchObject({ ok: false, error: { code: 'AGENT_REVOKED' } })
  })

  test('keeps what a change leaves out, and takes what is empty', () => {
    expect(withChanges(agent, {})).toEqual(agent)
    expect(withChanges(agent, { description: '', scopes: [] })).toEqual({ ...agent, description: '', scopes: [] })
  })
})
