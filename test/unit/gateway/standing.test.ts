import { expect, test } from 'vitest'
import { AuthorityWatch } from '../../../src/domain/revocation/authority-watch.ts'
import { type StandingFacts, tokenStanding } from '../../../src/domain/tokens/token-standing.ts'
import { stillStands } from '../../../src/gateway/standing.ts'
import { tokenFacts } from '../../support/token-facts.ts'

/** Ahead of any machine's clock, which stands in until the database has spoken. */
const now = Date.parse('2100-03-01T09:30:00.000Z')

function standing(agent: Partial<StandingFacts['agent']> = {}, token: Partial<StandingFacts['token']> = {}) {
  return tokenStanding({
    token: tokenFacts({ groups: ['edge', 'prod'], expiresAt: new Date(now + 60_000), ...token }),
    agent: {
      id: 'agt_1',
      name: 'cursor-ops',
      description: '',
      ownerId: 'per_1',
      owner: 'ada@example.com',
      riskLevel: 'low',
      scopes: ['secret:read', 'host:read'],
      groups: ['edge', 'prod'],
      status: 'active',
      createdAt: new Date(0),
      createdBy: 'per_1',
      ...agent,
    },
    owner: { disabled: false, reach: 'every' },
    killed: false,
  })
}

/** Rights moved once between authentication and now. */
async function afterChange(present: ReturnType<typeof standing> | undefined): Promise<boolean> {
  const authority = new AuthorityWatch({
    read: () => Promise.reject(new Error('nobody asks')),
    polled: async () => undefined,
    failed: () => undefined,
    monotonicMs: () => 0,
  })
  authority.observe(2, now)
  const caller = {
    standing: standing(),
    epoch: 1,
    session: { id: 'ses_1', startedAtMs: 0, launcher: null },
    client: { name: '', version: '', protocol: '' },
    request: { id: 'req_1', traceparent: null, clientIp: '127.0.0.1' },
  }
  return stillStands({ authority, standingOf: async () => present }, caller)
}

test('a caller whose rights are what they were, or more, still stands', async () => {
  expect(await afterChange(standing())).toBe(true)
  expect(await afterChange(standing({ description: 'new', groups: ['edge', 'prod', 'staging'] }))).toBe(true)
})

test.each([
  ['the token is gone', undefined],
  ['the token was revoked', standing({}, { revokedAt: new Date(now) })],
  ['the value was replaced', standing({}, { rotatedAt: new Date(now - 1), usableUntil: new Date(now) })],
  ['the agent was suspended', standing({ status: 'suspended' })],
  ['the agent lost a group', standing({ groups: ['edge'] })],
  ['the agent lost a scope', standing({ scopes: ['host:read'] })],
  ['the agent has another owner', standing({ ownerId: 'per_2' })],
  ['the agent is riskier than the policy was told', standing({ riskLevel: 'critical' })],
])('a caller no longer stands when %s meanwhile', async (_, present) => {
  expect(await afterChange(present)).toBe(false)
})
