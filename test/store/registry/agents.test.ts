import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAgent } from '../../../src/domain/agents/create-agent.ts'
import { resumeAgent } from '../../../src/domain/agents/resume-agent.ts'
import { revokeAgent } from '../../../src/domain/agents/revoke-agent.ts'
import { suspendAgent } from '../../../src/domain/agents/suspend-agent.ts'
import { updateAgent } from '../../../src/domain/agents/update-agent.ts'
import { updatePerson } from '../../../src/domain/people/update-person.ts'
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

let registry: TestRegistry
beforeAll(async () => {
  registry = await testRegistry()
  for (const name of ['edge', 'prod', 'staging']) await aGroup(registry, name)
  await aPerson(registry, 'ada', ['edge', 'staging'])
  await aPerson(registry, 'bob', ['edge', 'prod'])
  await aPerson(registry, 'root', [], 'admin')
})
afterAll(() => registry.close())
beforeEach(() => {
  registry.events()
})

const request = {
  name: 'cursor-ops',
  owner: 'ada@example.com',
  riskLevel: 'medium',
  scopes: ['secret:read'],
  groups: ['edge'],
} as const
const asking = (changes: object) => ({
  ...request,
  scopes: [...request.scopes],
  groups: [...request.groups],
  ...changes,
})

describe('registering an agent', () => {
  test('gives an active agent, found by id and name, and puts it on record', async () => {
    const agent = valueOf(await createAgent(registry.deps, author(['edge']), asking({ description: 'Ops' })))
    expect(agent).toMatchObject({
      status: 'active',
      owner: 'ada@example.com',
      groups: ['edge'],
      createdBy: author().actor.id,
    })
    expect(await registry.stores.agents.find('cursor-ops')).toEqual(agent)
    expect(await registry.stores.agents.find(agent.id)).toEqual(agent)
    expect(registry.events()).toMatchObject([
      {
        type: 'AGENT_CREATED',
        actor: { kind: 'person' },
        agent: { id: agent.id, name: 'cursor-ops', owner: 'ada@example.com', riskLevel: 'medium' },
        resource: { type: 'agent', id: agent.id, groups: ['edge'] },
        details: { before: null, after: { name: 'cursor-ops', status: 'active' } },
      },
    ])
  })

  test.each([
    ['an unknown owner', { owner: 'nobody@example.com' }, 'REFERENCE_UNKNOWN', 'nobody@example.com'],
    ['an unknown group', { groups: ['edge', 'nowhere'] }, 'REFERENCE_UNKNOWN', 'nowhere'],
    ["a group outside the owner's", { groups: ['edge', 'prod'] }, 'GROUP_NOT_PERMITTED', '[prod]'],
    ["a group outside the creator's", { groups: ['edge', 'staging'] }, 'GROUP_NOT_PERMITTED', '[staging]'],
    ['a taken name', { name: 'taken' }, 'NAME_TAKEN', 'taken'],
  ])('with %s is refused, and leaves nothing behind', async (_, changes, code, named) => {
    if ((await registry.stores.agents.find('taken')) === undefined)
      await anAgent(registry, 'taken', 'ada@example.com', ['edge'])
    registry.events()
    const refused = await createAgent(registry.deps, author(['edge', 'prod']), asking({ name: 'refused', ...changes }))
    expect(refused).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(named) } })
    expect(registry.events()).toEqual([])
    expect(await registry.stores.agents.find('refused')).toBeUndefined()
  })

  test('under an admin takes every group that the creator has', async () => {
    const agent = valueOf(
      await createAgent(
        registry.deps,
        author(),
        asking({ name: 'admins', owner: 'root@example.com', groups: ['prod', 'edge'] }),
      ),
    )
    expect(agent.groups).toEqual(['edge', 'prod'])
  })

  test('under a disabled person is refused', async () => {
    await aPerson(registry, 'gone', ['edge'])
    valueOf(await updatePerson(registry.deps, author(), 'gone@example.com', { disabled: true }))
    const refused = await createAgent(registry.deps, author(), asking({ name: 'orphan', owner: 'gone@example.com' }))
    expect(refused).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
  })
})

describe('changing an agent', () => {
  test('keeps what is left out, records both sides and drops what replicas know', async () => {
    const before = await anAgent(registry, 'changing', 'ada@example.com', ['edge'])
    registry.events()
    const epoch = await registry.epoch()
    const after = valueOf(
      await updateAgent(registry.deps, author(), 'changing', { riskLevel: 'high', groups: ['staging'] }),
    )
    expect(after).toEqual({ ...before, riskLevel: 'high', groups: ['staging'] })
    expect(await registry.stores.agents.find(before.id)).toEqual(after)
    expect(registry.events()).toMatchObject([
      {
        type: 'AGENT_UPDATED',
        details: {
          before: { riskLevel: 'medium', groups: ['edge'] },
          after: { riskLevel: 'high', groups: ['staging'] },
        },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
  })

  test('hands it to an owner only if the owner has its groups', async () => {
    await anAgent(registry, 'moving', 'ada@example.com', ['staging'])
    expect(await updateAgent(registry.deps, author(), 'moving', { owner: 'bob@example.com' })).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED' },
    })
    const moved = valueOf(
      await updateAgent(registry.deps, author(), 'moving', { owner: 'bob@example.com', groups: ['prod'] }),
    )
    expect(moved).toMatchObject({ owner: 'bob@example.com', groups: ['prod'] })
  })

  test.each([
    ['more scopes', { scopes: ['secret:read', 'private_secret:read'] as const }],
    ['a lower risk', { riskLevel: 'low' as const }],
    ['another owner', { owner: 'root@example.com' }],
    ['groups', { groups: ['edge', 'prod'] }],
  ])('by one who lacks one of its groups is refused for %s', async (what, changes) => {
    const name = `guarded-${what.replaceAll(' ', '-')}`
    const before = await anAgent(registry, name, 'bob@example.com', ['edge', 'prod'])
    const given = 'scopes' in changes ? { scopes: [...changes.scopes] } : changes
    const refused = await updateAgent(registry.deps, author(['edge']), name, given)
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED', message: expect.stringContaining('[prod]') },
    })
    expect(await registry.stores.agents.find(name)).toEqual(before)
  })

  test('in its description alone asks for no groups', async () => {
    await anAgent(registry, 'described', 'bob@example.com', ['edge', 'prod'])
    expect(
      valueOf(await updateAgent(registry.deps, author(['edge']), 'described', { description: 'new' })).description,
    ).toBe('new')
  })

  test('is refused for one that does not exist or is revoked', async () => {
    expect(await updateAgent(registry.deps, author(), 'nobody', { description: '' })).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
    const agent = await anAgent(registry, 'ended', 'ada@example.com', ['edge'])
    valueOf(await revokeAgent(registry.deps, author(), agent.id, 'over'))
    expect(await updateAgent(registry.deps, author(), 'ended', { description: '' })).toMatchObject({
      ok: false,
      error: { code: 'AGENT_REVOKED' },
    })
  })
})

describe('suspending and resuming an agent', () => {
  test('ends its sessions, once, and gives back the rights it had', async () => {
    const agent = await anAgent(registry, 'paused', 'ada@example.com', ['edge'])
    const { token } = await aToken(registry, agent, ['edge'])
    await aSession(registry, agent, token.id, 'ses_paused')
    registry.events()

    const suspended = valueOf(await suspendAgent(registry.deps, author(), 'paused', 'odd'))
    expect(suspended).toEqual({ ...agent, status: 'suspended' })
    expect(registry.events()).toMatchObject([
      {
        type: 'AGENT_SUSPENDED',
        details: { reason: 'odd', before: { status: 'active' }, after: { status: 'suspended' } },
      },
      { type: 'AI_AGENT_SESSION_ENDED', sessionId: 'ses_paused', details: { endReason: 'suspended' } },
    ])
    expect(valueOf(await suspendAgent(registry.deps, author(), agent.id, 'again'))).toEqual(suspended)
    expect(registry.events()).toEqual([])

    expect(valueOf(await resumeAgent(registry.deps, author(), 'paused', 'fine'))).toEqual(agent)
    expect(valueOf(await resumeAgent(registry.deps, author(), 'paused', 'again'))).toEqual(agent)
    expect(registry.events()).toMatchObject([
      {
        type: 'AGENT_RESUMED',
        details: { reason: 'fine', before: { status: 'suspended' }, after: { status: 'active' } },
      },
    ])
    expect(await registry.stores.agents.find(agent.id)).toEqual(agent)
  })

  test('of one that does not exist is refused', async () => {
    for (const useCase of [suspendAgent, resumeAgent]) {
      expect(await useCase(registry.deps, author(), 'nobody', 'why')).toMatchObject({
        ok: false,
        error: { code: 'NOT_FOUND' },
      })
    }
    expect(await revokeAgent(registry.deps, author(), 'nobody', 'why')).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
  })
})

describe('revoking an agent', () => {
  test("takes its tokens, sessions and pending approvals with it, for good, and nobody else's", async () => {
    const agent = await anAgent(registry, 'doomed', 'ada@example.com', ['edge'])
    const other = await anAgent(registry, 'survivor', 'ada@example.com', ['edge'])
    const first = (await aToken(registry, agent, ['edge'], 'one')).token
    const second = (await aToken(registry, agent, ['edge'], 'two')).token
    const spared = (await aToken(registry, other, ['edge'])).token
    await aSession(registry, agent, first.id, 'ses_doomed')
    await aPendingApproval(registry, agent, first.id, 'ses_doomed', 'apr_doomed')
    await aSession(registry, other, spared.id, 'ses_survivor')
    await aPendingApproval(registry, other, spared.id, 'ses_survivor', 'apr_survivor')
    registry.events()
    const epoch = await registry.epoch()

    const revoked = valueOf(await revokeAgent(registry.deps, author(), 'doomed', 'leaked'))

    expect(revoked.status).toBe('revoked')
    const events = registry.events()
    expect(events.map(({ type }) => type)).toEqual([
      'AGENT_REVOKED',
      'MCP_TOKEN_REVOKED',
      'MCP_TOKEN_REVOKED',
      'AI_AGENT_SESSION_ENDED',
      'APPROVAL_CANCELLED',
    ])
    expect(events[0]).toMatchObject({
      details: { reason: 'leaked', before: { status: 'active' }, after: { status: 'revoked' } },
    })
    expect(new Set(events.slice(1, 3).map(({ tokenId }) => tokenId))).toEqual(new Set([first.id, second.id]))
    expect(events[1]).toMatchObject({ details: { before: { status: 'active' }, after: { status: 'revoked' } } })
    expect(events[3]).toMatchObject({ sessionId: 'ses_doomed', details: { endReason: 'revoked' } })
    expect(events[4]).toMatchObject({ agent: { name: 'doomed' }, details: { approvalId: 'apr_doomed' } })
    expect(await registry.epoch()).toBe(epoch + 1)

    expect((await registry.stores.tokens.find(first.id))?.revokedAt).toEqual(new Date(registry.now))
    expect((await registry.stores.tokens.find(spared.id))?.revokedAt).toBeNull()
    expect((await registry.stores.sessions.find('ses_survivor'))?.status).toBe('active')
    expect(await registry.database.knex('approvals').pluck('status').orderBy('id')).toEqual(['cancelled', 'pending'])

    expect(valueOf(await revokeAgent(registry.deps, author(), agent.id, 'again'))).toEqual(revoked)
    expect(registry.events()).toEqual([])
    for (const useCase of [suspendAgent, resumeAgent]) {
      expect(await useCase(registry.deps, author(), agent.id, 'why')).toMatchObject({
        ok: false,
        error: { code: 'AGENT_REVOKED' },
      })
    }
  })
})

describe('the list of agents', () => {
  test('keeps to an owner and to groups, given by id or name', async () => {
    const page = { limit: 200, order: 'asc' } as const
    const zoe = await aPerson(registry, 'zoe', ['prod', 'staging'])
    const agent = await anAgent(registry, 'zoes', zoe.id, ['prod', 'staging'])
    for (const owner of [zoe.id, 'zoe@example.com']) {
      expect(valueOf(await registry.stores.agents.list({ owner }, page)).items).toEqual([agent])
    }
    const names = valueOf(await registry.stores.agents.list({ groups: ['prod'] }, page)).items.map(({ name }) => name)
    expect(names).toContain('zoes')
    expect(names).not.toContain('cursor-ops')
    expect(names.filter((name) => name === 'zoes')).toHaveLength(1)
  })
})
