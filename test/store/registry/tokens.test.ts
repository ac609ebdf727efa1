import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { revokeAgent } from '../../../src/domain/agents/revoke-agent.ts'
import { suspendAgent } from '../../../src/domain/agents/suspend-agent.ts'
import { updateAgent } from '../../../src/domain/agents/update-agent.ts'
import { updatePerson } from '../../../src/domain/people/update-person.ts'
import { endSession } from '../../../src/domain/sessions/end-session.ts'
import { createToken } from '../../../src/domain/tokens/create-token.ts'
import { expiredTokensMax, expireTokens } from '../../../src/domain/tokens/expire-tokens.ts'
import { revokeToken } from '../../../src/domain/tokens/revoke-token.ts'
import type { CreateToken } from '../../../src/domain/tokens/token.schema.ts'
import { tokenStatus } from '../../../src/domain/tokens/token.ts'
import { TokenStore } from '../../../src/domain/tokens/token-store.ts'
import { bearerHash, isBearer, mintBearer } from '../../../src/kernel/bearer.ts'
import type { FaultCode } from '../../../src/kernel/faults.ts'
import {
  aGroup,
  anAgent,
  aPendingApproval,
  aPerson,
  aSession,
  aToken,
  author,
  type TestRegistry,
  testRegistry,
  valueOf,
} from '../../support/registry.ts'

const HOUR_MS = 3_600_000
const YEAR_SECONDS = 31_536_000

let registry: TestRegistry
beforeAll(async () => {
  registry = await testRegistry()
  for (const name of ['edge', 'prod', 'staging']) await aGroup(registry, name)
  await aPerson(registry, 'ada', ['edge', 'prod'])
  await anAgent(registry, 'cursor-ops', 'ada@example.com', ['edge', 'prod'])
})
afterAll(() => registry.close())
beforeEach(() => {
  registry.events()
})

const request = { agentId: 'cursor-ops', name: 'laptop', groups: ['edge'] }

describe('creating a token', () => {
  test('shows its value once; rows, events and lists hold only what cannot be used', async () => {
    const { token, value, clientConfig } = valueOf(
      await createToken(registry.deps, author(), {
        ...request,
        ttlSeconds: 60,
        scopes: ['secret:read'],
        cidrs: ['10.0.0.0/24', '::ffff:10.0.0.0/120'],
      }),
    )
    expect(isBearer('clk_mcp', value.expose())).toBe(true)
    expect(token).toMatchObject({
      agent: 'cursor-ops',
      scopes: ['secret:read'],
      groups: ['edge'],
      cidrs: ['10.0.0.0/24'],
      revokedAt: null,
    })
    expect(token.expiresAt).toEqual(new Date(registry.now + 60_000))
    expect(await registry.stores.tokens.find(token.id)).toEqual(token)

    const events = registry.events()
    expect(events).toMatchObject([
      {
        type: 'MCP_TOKEN_CREATED',
        tokenId: token.id,
        agent: { name: 'cursor-ops' },
        resource: { type: 'token', groups: ['edge'] },
        details: { before: null, after: { prefix: token.prefix, status: 'active' } },
      },
    ])
    const knex = registry.database.knex
    const rows = await knex('tokens').where('id', token.id)
    expect(rows).toMatchObject([{ hash: bearerHash(value.expose()) }])
    const written = JSON.stringify([events, rows, await knex('audit_events'), clientConfig, token, { value }])
    expect(written).not.toContain(value.expose().slice(token.prefix.length))
    expect(written).not.toContain(bearerHash(value.expose()).toString('hex'))
  })

  const ttlSeconds = 60
  test.each<[string, Partial<CreateToken>, FaultCode, string]>([
    ['an unknown agent', { ttlSeconds, agentId: 'nobody' }, 'REFERENCE_UNKNOWN', 'nobody'],
    ['an unknown group', { ttlSeconds, groups: ['nowhere'] }, 'REFERENCE_UNKNOWN', 'nowhere'],
    ["a group outside the agent's", { ttlSeconds, groups: ['edge', 'staging'] }, 'GROUP_NOT_PERMITTED', '[staging]'],
    ["a group outside the creator's", { ttlSeconds, groups: ['edge', 'prod'] }, 'GROUP_NOT_PERMITTED', '[prod]'],
    [
      "a scope outside the agent's",
      { ttlSeconds, scopes: ['secret:read', 'probe:create'] },
      'SCOPE_NOT_PERMITTED',
      '[probe:create]',
    ],
    [
      'a network that is none',
      { ttlSeconds, cidrs: ['10.0.0.0/24', '10.0.0.1/24'] },
      'ARGUMENT_INVALID',
      '10.0.0.1/24',
    ],
    ['neither a duration nor an end', {}, 'ARGUMENT_INVALID', 'Exactly one'],
    [
      'both a duration and an end',
      { ttlSeconds, expiresAt: '2026-04-01T00:00:00Z' },
      'ARGUMENT_INVALID',
      'Exactly one',
    ],
    ['an end that is now', { expiresAt: '2026-03-01T09:30:00.000Z' }, 'ARGUMENT_INVALID', 'future'],
    ['an end that is no time', { expiresAt: 'soon' }, 'ARGUMENT_INVALID', 'future'],
    ['an end one second past a year', { expiresAt: '2027-03-01T09:30:01.000Z' }, 'ARGUMENT_INVALID', 'one year'],
    ['a duration one second past a year', { ttlSeconds: YEAR_SECONDS + 1 }, 'ARGUMENT_INVALID', 'one year'],
  ])('with %s is refused, and leaves nothing behind', async (_, changes, code, named) => {
    const before = await registry.database.knex('tokens').count()
    const refused = await createToken(registry.deps, author(['edge', 'staging']), { ...request, ...changes })
    expect(refused).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(named) } })
    expect(registry.events()).toEqual([])
    expect(await registry.database.knex('tokens').count()).toEqual(before)
  })

  test('may last exactly a year', async () => {
    const { token } = valueOf(
      await createToken(registry.deps, author(), { ...request, expiresAt: '2027-03-01T09:30:00.000Z' }),
    )
    expect(token.expiresAt).toEqual(new Date(registry.now + YEAR_SECONDS * 1000))
  })

  test('for a revoked agent is refused', async () => {
    const agent = await anAgent(registry, 'ended', 'ada@example.com', ['edge'])
    valueOf(await revokeAgent(registry.deps, author(), agent.id, 'over'))
    expect(await createToken(registry.deps, author(), { ...request, agentId: 'ended', ttlSeconds: 60 })).toMatchObject({
      ok: false,
      error: { code: 'AGENT_REVOKED' },
    })
  })
})

describe('what a token stands for', () => {
  test('is found by its hash and by its id alike, and by no other value', async () => {
    const agent = await anAgent(registry, 'standing', 'ada@example.com', ['edge', 'prod'])
    const { token, value } = valueOf(
      await createToken(registry.deps, author(), {
        agentId: agent.id,
        name: 'x',
        groups: ['prod'],
        scopes: ['host:read'],
        ttlSeconds: 60,
        cidrs: ['10.0.0.0/8'],
      }),
    )
    const standing = await registry.stores.tokens.findStanding(bearerHash(value.expose()))
    expect(standing).toEqual({
      token: {
        id: token.id,
        agentId: agent.id,
        prefix: token.prefix,
        scopes: ['host:read'],
        groups: ['prod'],
        cidrs: ['10.0.0.0/8'],
        expiresAt: token.expiresAt,
        usableUntil: token.expiresAt,
        chainId: token.id,
        predecessorId: null,
        rotatedAt: null,
        usedAt: null,
        singleUse: false,
        isByOther: false,
        spending: null,
        revokedAt: null,
      },
      agent,
      ownerDisabled: false,
      killed: false,
      effectiveScopes: ['host:read'],
      effectiveGroups: ['prod'],
    })
    await aSession(registry, agent, token.id, 'ses_standing')
    expect(await registry.stores.tokens.standingOf(token.id, 'ses_standing')).toEqual(standing)
    expect(await registry.stores.tokens.standingOf(token.id, 'ses_none')).toBeUndefined()
    expect(await registry.stores.tokens.findStanding(mintBearer('clk_mcp').hash)).toBeUndefined()
    expect(await registry.stores.tokens.standingOf('tok_none', 'ses_standing')).toBeUndefined()
    valueOf(await endSession(registry.deps, author(), 'ses_standing', 'closed'))
    expect(await registry.stores.tokens.standingOf(token.id, 'ses_standing')).toBeUndefined()
  })

  test('shrinks with its agent and its owner at once, and never grows past the token', async () => {
    const owner = await aPerson(registry, 'olga', ['edge', 'prod'])
    const agent = await anAgent(registry, 'shrinking', owner.id, ['edge', 'prod'])
    const { value } = await aToken(registry, agent, ['edge', 'prod'])
    const standing = () => registry.stores.tokens.findStanding(bearerHash(value.expose()))
    const groups = async () => (await standing())?.effectiveGroups
    expect(await groups()).toEqual(['edge', 'prod'])
    valueOf(await updatePerson(registry.deps, author(), owner.id, { groups: ['prod', 'staging'] }))
    expect(await groups()).toEqual(['prod'])
    valueOf(await updatePerson(registry.deps, author(), owner.id, { role: 'admin', groups: [] }))
    expect(await groups()).toEqual(['edge', 'prod'])
    valueOf(
      await updateAgent(registry.deps, author(), agent.id, {
        groups: ['edge', 'staging'],
        scopes: ['host:read', 'probe:read'],
      }),
    )
    expect(await groups()).toEqual(['edge'])
    expect((await standing())?.effectiveScopes).toEqual(['host:read', 'probe:read'])
  })

  test('tells of a suspended agent, a disabled owner and a revoked token', async () => {
    const owner = await aPerson(registry, 'pete', ['edge'])
    const agent = await anAgent(registry, 'halted', owner.id, ['edge'])
    const { token, value } = await aToken(registry, agent, ['edge'])
    const standing = () => registry.stores.tokens.findStanding(bearerHash(value.expose()))
    valueOf(await suspendAgent(registry.deps, author(), agent.id, 'x'))
    expect(await standing()).toMatchObject({
      agent: { status: 'suspended' },
      ownerDisabled: false,
      killed: false,
    })
    valueOf(await updatePerson(registry.deps, author(), owner.id, { disabled: true }))
    valueOf(await revokeToken(registry.deps, author(), token.id))
    expect(await standing()).toMatchObject({
      ownerDisabled: true,
      killed: false,
      token: { revokedAt: new Date(registry.now) },
    })
  })
})

describe('revoking a token', () => {
  test('ends what hangs on it, once, and leaves the agent its other tokens', async () => {
    const agent = await anAgent(registry, 'two-tokens', 'ada@example.com', ['edge'])
    const lost = (await aToken(registry, agent, ['edge'], 'lost')).token
    const kept = (await aToken(registry, agent, ['edge'], 'kept')).token
    await aSession(registry, agent, lost.id, 'ses_lost')
    await aSession(registry, agent, kept.id, 'ses_kept')
    await aPendingApproval(registry, agent, lost.id, 'ses_lost', 'apr_lost')
    await aPendingApproval(registry, agent, kept.id, 'ses_kept', 'apr_kept')
    registry.events()
    const epoch = await registry.epoch()

    const revoked = valueOf(await revokeToken(registry.deps, author(), lost.id))

    expect(tokenStatus(revoked, registry.now)).toBe('revoked')
    expect(registry.events()).toMatchObject([
      {
        type: 'MCP_TOKEN_REVOKED',
        tokenId: lost.id,
        details: { before: { status: 'active' }, after: { status: 'revoked' } },
      },
      { type: 'AI_AGENT_SESSION_ENDED', sessionId: 'ses_lost', details: { endReason: 'revoked' } },
      { type: 'APPROVAL_CANCELLED', tokenId: lost.id, details: { approvalId: 'apr_lost' } },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
    expect(await registry.stores.tokens.find(lost.id)).toEqual(revoked)
    expect(await registry.stores.tokens.find(kept.id)).toEqual(kept)
    expect((await registry.stores.sessions.find('ses_kept'))?.status).toBe('active')

    registry.now += 1000
    expect(valueOf(await revokeToken(registry.deps, author(), lost.id))).toEqual(revoked)
    expect(registry.events()).toEqual([])
  })

  test('that does not exist is refused', async () => {
    expect(await revokeToken(registry.deps, author(), 'tok_none')).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
  })
})

describe('last use', () => {
  test('is written in one go; the newest counts, whatever the order', async () => {
    const agent = await anAgent(registry, 'busy', 'ada@example.com', ['edge'])
    const [a, b] = [(await aToken(registry, agent, ['edge'])).token, (await aToken(registry, agent, ['edge'])).token]
    const at = (ms: number) => new Date(registry.now + ms)
    await registry.stores.tokens.touch([
      { tokenId: a.id, at: at(2000), ip: '10.0.0.2' },
      { tokenId: a.id, at: at(1000), ip: '10.0.0.1' },
      { tokenId: b.id, at: at(5), ip: '2001:db8::1' },
      { tokenId: 'tok_none', at: at(5), ip: '10.0.0.9' },
    ])
    expect(await registry.stores.tokens.find(a.id)).toMatchObject({ lastUsedAt: at(2000), lastUsedIp: '10.0.0.2' })
    expect(await registry.stores.tokens.find(b.id)).toMatchObject({ lastUsedAt: at(5), lastUsedIp: '2001:db8::1' })
    await registry.stores.tokens.touch([{ tokenId: a.id, at: at(1500), ip: '10.0.0.3' }])
    await registry.stores.tokens.touch([])
    expect(await registry.stores.tokens.find(a.id)).toMatchObject({ lastUsedIp: '10.0.0.2' })
  })

  test('of a token that is being changed is left out instead of waited for', async () => {
    const agent = await anAgent(registry, 'held', 'ada@example.com', ['edge'])
    const [held, free] = [
      (await aToken(registry, agent, ['edge'])).token,
      (await aToken(registry, agent, ['edge'])).token,
    ]
    const use = { at: new Date(registry.now), ip: '10.0.0.1' }
    await registry.database.knex.transaction(async (trx) => {
      await new TokenStore(trx).findForUpdate(held.id)
      await registry.stores.tokens.touch([
        { ...use, tokenId: held.id },
        { ...use, tokenId: free.id },
      ])
    })
    expect(await registry.stores.tokens.find(held.id)).toMatchObject({ lastUsedAt: null })
    expect(await registry.stores.tokens.find(free.id)).toMatchObject({ lastUsedAt: use.at, lastUsedIp: '10.0.0.1' })
  })
})

describe('expiry', () => {
  test('is put on record once, by the job, with the sessions it ends; revoked tokens are left out', async () => {
    const agent = await anAgent(registry, 'expiring', 'ada@example.com', ['edge'])
    const due = (await aToken(registry, agent, ['edge'], 'due')).token
    const gone = (await aToken(registry, agent, ['edge'], 'gone')).token
    await aSession(registry, agent, due.id, 'ses_due')
    valueOf(await revokeToken(registry.deps, author(), gone.id))
    registry.now += HOUR_MS - 1
    while (valueOf(await expireTokens(registry.deps)) > 0);
    expect(
      registry
        .events()
        .filter(({ type }) => type === 'MCP_TOKEN_EXPIRED')
        .map(({ tokenId }) => tokenId),
    ).not.toContain(due.id)

    registry.now += 1
    while (valueOf(await expireTokens(registry.deps)) > 0);
    const events = registry.events().filter(({ agent: of }) => of?.name === 'expiring')
    expect(events).toMatchObject([
      {
        type: 'MCP_TOKEN_EXPIRED',
        tokenId: due.id,
        actor: { kind: 'system', name: 'expire-tokens' },
        details: { after: { status: 'expired' } },
      },
      { type: 'AI_AGENT_SESSION_ENDED', sessionId: 'ses_due', details: { endReason: 'token_expired' } },
    ])
    expect(await expireTokens(registry.deps)).toEqual({ ok: true, value: 0 })
    expect(registry.events()).toEqual([])
  })

  test('of many is recorded in bounded portions, and once although replicas run at the same time', async () => {
    const agent = await anAgent(registry, 'many', 'ada@example.com', ['edge'])
    const total = expiredTokensMax + 40
    for (let index = 0; index < total; index++) await aToken(registry, agent, ['edge'], `t${index}`)
    registry.now += HOUR_MS
    registry.events()
    expect(valueOf(await expireTokens(registry.deps))).toBe(expiredTokensMax)
    await Promise.all([expireTokens(registry.deps), expireTokens(registry.deps)])
    while (valueOf(await expireTokens(registry.deps)) > 0);
    const expired = registry
      .events()
      .filter(({ type }) => type === 'MCP_TOKEN_EXPIRED')
      .map(({ tokenId }) => tokenId)
    expect(expired).toHaveLength(total)
    expect(new Set(expired).size).toBe(total)
  })

  test('of a token that is being changed waits for the next run, and holds up no other', async () => {
    const agent = await anAgent(registry, 'contended', 'ada@example.com', ['edge'])
    const [held, free] = [
      (await aToken(registry, agent, ['edge'])).token,
      (await aToken(registry, agent, ['edge'])).token,
    ]
    registry.now += HOUR_MS
    registry.events()
    await registry.database.knex.transaction(async (trx) => {
      await new TokenStore(trx).findForUpdate(held.id)
      expect(await expireTokens(registry.deps)).toEqual({ ok: true, value: 1 })
    })
    expect(await expireTokens(registry.deps)).toEqual({ ok: true, value: 1 })
    expect(registry.events().map(({ tokenId }) => tokenId)).toEqual([free.id, held.id])
  })
})

describe('the list of tokens', () => {
  test('keeps to one agent and to groups', async () => {
    const page = { limit: 200, order: 'desc' } as const
    const agent = await anAgent(registry, 'listed', 'ada@example.com', ['edge', 'prod'])
    const { token } = await aToken(registry, agent, ['prod'])
    for (const of of [agent.id, 'listed'])
      expect(valueOf(await registry.stores.tokens.list({ agent: of }, page)).items).toEqual([token])
    expect(valueOf(await registry.stores.tokens.list({ agent: 'listed', groups: ['edge'] }, page)).items).toEqual([])
    expect(
      valueOf(await registry.stores.tokens.list({ agent: 'listed', groups: ['edge', 'prod'] }, page)).items,
    ).toEqual([token])
  })
})
