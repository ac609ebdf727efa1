import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Agent } from '../../../../src/domain/agents/agent.ts'
import type { GroupReach } from '../../../../src/domain/groups/group-reach.ts'
import { admitsAddress, type StandingFacts, tokenStanding } from '../../../../src/domain/tokens/token-standing.ts'
import { type Scope, scopes } from '../../../../src/kernel/vocabulary.ts'
import { tokenFacts } from '../../../support/token-facts.ts'

const someScopes = fc.subarray([...scopes])
const someGroups = fc
  .subarray(['dev', 'edge', 'prod', 'staging'])
  .chain((names) => fc.shuffledSubarray(names, { minLength: names.length }))
const someFacts = fc.record({
  agentScopes: someScopes,
  tokenScopes: fc.option(someScopes),
  agentGroups: someGroups,
  tokenGroups: someGroups,
  reach: fc.oneof(fc.constant<GroupReach>('every'), someGroups),
})

interface Parts {
  readonly agentScopes: readonly Scope[]
  readonly tokenScopes: readonly Scope[] | null
  readonly agentGroups: readonly string[]
  readonly tokenGroups: readonly string[]
  readonly reach: GroupReach
}

function facts(parts: Parts): StandingFacts {
  const agent: Agent = {
    id: 'agt_1',
    name: 'cursor-ops',
    description: '',
    ownerId: 'per_1',
    owner: 'ada@example.com',
    riskLevel: 'low',
    scopes: parts.agentScopes,
    groups: parts.agentGroups,
    status: 'active',
    createdAt: new Date(0),
    createdBy: 'per_1',
  }
  const token = tokenFacts({ scopes: parts.tokenScopes, groups: parts.tokenGroups })
  return { token, agent, owner: { disabled: false, reach: parts.reach }, killed: false }
}

const within = <T>(part: readonly T[], whole: readonly T[]) => part.every((each) => whole.includes(each))

describe('what a token stands for', () => {
  test('never goes beyond the agent, the token or the owner', () => {
    fc.assert(
      fc.property(someFacts, (parts) => {
        const { effectiveScopes, effectiveGroups } = tokenStanding(facts(parts))
        expect(within(effectiveScopes, parts.agentScopes)).toBe(true)
        expect(parts.tokenScopes === null || within(effectiveScopes, parts.tokenScopes)).toBe(true)
        expect(within(effectiveGroups, parts.agentGroups)).toBe(true)
        expect(within(effectiveGroups, parts.tokenGroups)).toBe(true)
        expect(parts.reach === 'every' || within(effectiveGroups, parts.reach)).toBe(true)
      }),
    )
  })

  test('leaves out nothing that all of them have, and is sorted', () => {
    fc.assert(
      fc.property(someFacts, (parts) => {
        const { effectiveScopes, effectiveGroups } = tokenStanding(facts(parts))
        const { tokenScopes, reach } = parts
        for (const scope of parts.agentScopes) {
          if (tokenScopes === null || tokenScopes.includes(scope)) expect(effectiveScopes).toContain(scope)
        }
        for (const group of parts.agentGroups) {
          if (parts.tokenGroups.includes(group) && (reach === 'every' || reach.includes(group)))
            expect(effectiveGroups).toContain(group)
        }
        expect(effectiveGroups).toEqual([...effectiveGroups].sort())
      }),
    )
  })

  test('shrinks or stays when any part loses something', () => {
    fc.assert(
      fc.property(someFacts, someScopes, someGroups, (parts, scopesLeft, groupsLeft) => {
        const whole = tokenStanding(facts(parts))
        const fewer: Parts[] = [
          { ...parts, agentScopes: parts.agentScopes.filter((each) => scopesLeft.includes(each)) },
          { ...parts, tokenScopes: (parts.tokenScopes ?? scopes).filter((each) => scopesLeft.includes(each)) },
          { ...parts, agentGroups: parts.agentGroups.filter((each) => groupsLeft.includes(each)) },
          { ...parts, tokenGroups: parts.tokenGroups.filter((each) => groupsLeft.includes(each)) },
          {
            ...parts,
            reach: parts.reach === 'every' ? groupsLeft : parts.reach.filter((each) => groupsLeft.includes(each)),
          },
        ]
        for (const part of fewer) {
          const standing = tokenStanding(facts(part))
          expect(within(standing.effectiveScopes, whole.effectiveScopes)).toBe(true)
          expect(within(standing.effectiveGroups, whole.effectiveGroups)).toBe(true)
        }
      }),
    )
  })
})

describe('the address of a client', () => {
  test.each([
    [[], '203.0.113.9', true],
    [[], 'unknown', true],
    [['10.0.0.0/24'], '10.0.0.7', true],
    [['10.0.0.0/24'], '::ffff:10.0.0.7', true],
    [['10.0.0.0/24', '2001:db8::/32'], '2001:db8::7', true],
    [['10.0.0.0/24'], '10.0.1.7', false],
    [['10.0.0.0/24'], 'unknown', false],
  ])('against %j: %s is admitted: %s', (cidrs, ip, admitted) => {
    expect(admitsAddress({ cidrs }, ip)).toBe(admitted)
  })
})
