import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Agent } from '../../../src/domain/agents/agent.ts'
import { revokeAgent } from '../../../src/domain/agents/revoke-agent.ts'
import { createToken } from '../../../src/domain/tokens/create-token.ts'
import { revokeToken } from '../../../src/domain/tokens/revoke-token.ts'
import { revokeReused, rotateToken } from '../../../src/domain/tokens/rotate-token.ts'
import type { Token } from '../../../src/domain/tokens/token.ts'
import { bearerHash } from '../../../src/kernel/bearer.ts'
import {
  aGroup,
  anAgent,
  aPendingApproval,
  aPerson,
  aSession,
  author,
  type TestRegistry,
  testRegistry,
  valueOf,
} from '../../support/registry.ts'

const EVERY_SECONDS = 3600

let registry: TestRegistry
let agent: Agent

beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge')
  await aPerson(registry, 'ada', ['edge'])
  agent = await anAgent(registry, 'nightly', 'ada@example.com', ['edge'])
})
afterAll(() => registry.close())

async function rotating(of = agent): Promise<Token> {
  const autoRotate = { everySeconds: EVERY_SECONDS, overlapSeconds: 60 }
  const request = { agentId: of.id, name: 'away', groups: ['edge'], ttlSeconds: 100_000, autoRotate }
  return valueOf(await createToken(registry.deps, author(), request)).token
}

/** Asks for the next value of a token. @returns the token that bears it */
async function next(presented: Token): Promise<Token> {
  const answer = valueOf(await rotateToken(registry.deps, author(), presented.id))
  if (answer.kind !== 'rotated') throw new Error(answer.kind)
  const standing = await registry.stores.tokens.findStanding(bearerHash(answer.value.expose()))
  const token = await registry.stores.tokens.find(standing?.token.id ?? '')
  if (token === undefined) throw new Error('the successor is not stored')
  return token
}

const markUsed = (token: Token) => registry.stores.tokens.markUsed(token.id, new Date(registry.now))
const revokedAt = async ({ id }: Token) => (await registry.stores.tokens.find(id))?.revokedAt ?? null

describe('the first use of a successor', () => {
  test('is noted once; the first of several counts', async () => {
    const first = await rotating()
    registry.now += EVERY_SECONDS * 1000
    const second = await next(first)
    const used = new Date(registry.now)
    expect(await markUsed(second)).toBe(true)
    registry.now += 5
    expect(await markUsed(second)).toBe(true)
    expect((await registry.stores.tokens.find(second.id))?.usedAt).toEqual(used)
  })

  test('comes too late when it was replaced, or revoked', async () => {
    const first = await rotating()
    registry.now += EVERY_SECONDS * 1000
    const replaced = await next(first)
    const second = await next(first)
    expect(await markUsed(replaced)).toBe(false)
    valueOf(await revokeToken(registry.deps, author(), second.id))
    expect(await markUsed(second)).toBe(false)
  })
})

describe('a rotation', () => {
  test('is one event, which names both tokens and no value', async () => {
    const first = await rotating()
    registry.now += EVERY_SECONDS * 1000
    registry.events()
    const epoch = await registry.epoch()
    const second = await next(first)
    expect(registry.events()).toMatchObject([
      {
        type: 'MCP_TOKEN_ROTATED',
        tokenId: first.id,
        agent: { name: 'nightly' },
        details: {
          presented: first.id,
          before: { status: 'active' },
          after: { status: 'rotated' },
          successor: { id: second.id, status: 'active', chainId: first.id, prefix: second.prefix },
        },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
    expect(second).toMatchObject({ predecessorId: first.id, expiresAt: first.expiresAt, groups: ['edge'] })
  })

  test('of a chain that is revoked at the same moment leaves nothing that stands', async () => {
    for (let round = 0; round < 5; round++) {
      const mortal = await anAgent(registry, `mortal-${round}`, 'ada@example.com', ['edge'])
      const first = await rotating(mortal)
      registry.now += EVERY_SECONDS * 1000
      await Promise.all([
        rotateToken(registry.deps, author(), first.id),
        revokeAgent(registry.deps, author(), mortal.id, 'x'),
      ])
      const rows = await registry.database.knex('tokens').where('chain_id', first.id)
      expect(rows.filter(({ revoked_at }) => revoked_at === null)).toEqual([])
    }
  })
})

describe('a chain', () => {
  test('ends as a whole with its session and the approvals of all its tokens, by one event', async () => {
    const first = await rotating()
    await aSession(registry, agent, first.id, 'ses_chain')
    await aPendingApproval(registry, agent, first.id, 'ses_chain', 'apr_first')
    registry.now += EVERY_SECONDS * 1000
    const second = await next(first)
    await aPendingApproval(registry, agent, second.id, 'ses_chain', 'apr_second')
    registry.events()
    valueOf(await revokeToken(registry.deps, author(), first.id))
    expect(registry.events()).toMatchObject([
      { type: 'MCP_TOKEN_REVOKED', tokenId: first.id },
      { type: 'AI_AGENT_SESSION_ENDED', sessionId: 'ses_chain' },
      { type: 'APPROVAL_CANCELLED', details: { approvalId: 'apr_first' } },
      { type: 'APPROVAL_CANCELLED', details: { approvalId: 'apr_second' } },
    ])
    expect(await revokedAt(second)).toEqual(new Date(registry.now))
  })

  test('ends with its agent, by one event about the token that was in use', async () => {
    const mortal = await anAgent(registry, 'mortal', 'ada@example.com', ['edge'])
    const first = await rotating(mortal)
    registry.now += EVERY_SECONDS * 1000
    const second = await next(first)
    registry.events()
    valueOf(await revokeAgent(registry.deps, author(), mortal.id, 'over'))
    const revoked = registry.events().filter(({ type }) => type === 'MCP_TOKEN_REVOKED')
    expect(revoked.map(({ tokenId }) => tokenId)).toEqual([second.id])
    expect(await revokedAt(first)).toEqual(new Date(registry.now))
  })

  test('is not revoked for a value that still stands, has expired or was revoked', async () => {
    const first = await rotating()
    registry.events()
    expect(await revokeReused(registry.deps, author(), first.id)).toEqual({ ok: true, value: false })
    registry.now += (EVERY_SECONDS + 60) * 1000
    expect(await revokeReused(registry.deps, author(), first.id)).toEqual({ ok: true, value: false })
    expect(await revokeReused(registry.deps, author(), 'tok_none')).toEqual({ ok: true, value: false })
    expect(registry.events()).toEqual([])
    expect(await rotateToken(registry.deps, author(), first.id)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } })
  })

  test('is revoked once for a dead value, however often and wherever it is presented', async () => {
    const first = await rotating()
    registry.now += EVERY_SECONDS * 1000
    const second = await next(first)
    registry.now += 60_000
    registry.events()
    await Promise.all([1, 2, 3].map(() => revokeReused(registry.deps, author(), first.id)))
    expect(registry.events().map(({ type }) => type)).toEqual(['MCP_TOKEN_REUSED'])
    expect(await revokedAt(second)).toEqual(new Date(registry.now))
  })
})
