import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resumeAgent } from '../../../src/domain/agents/resume-agent.ts'
import { createGroup } from '../../../src/domain/groups/create-group.ts'
import { updateGroup } from '../../../src/domain/groups/update-group.ts'
import { apiKeyStatus } from '../../../src/domain/people/api-key.ts'
import { createApiKey } from '../../../src/domain/people/create-api-key.ts'
import { createPerson } from '../../../src/domain/people/create-person.ts'
import { revokeApiKey } from '../../../src/domain/people/revoke-api-key.ts'
import { updatePerson } from '../../../src/domain/people/update-person.ts'
import { bearerHash } from '../../../src/kernel/bearer.ts'
import {
  aGroup,
  anAgent,
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
  await aGroup(registry, 'prod')
  await aGroup(registry, 'edge')
  await aGroup(registry, 'staging', 'staging')
})
afterAll(() => registry.close())
beforeEach(() => {
  registry.events()
})

describe('a group', () => {
  test('is created with defaults for what is left out, and on record', async () => {
    const group = valueOf(await createGroup(registry.deps, author(), { name: 'lab', environment: 'development' }))
    expect(await registry.stores.groups.find('lab')).toEqual(group)
    expect(await registry.stores.groups.find(group.id)).toEqual(group)
    expect(group).toMatchObject({ description: '', domains: [], probeTargets: [], vaultPrefixes: [] })
    expect(registry.events()).toMatchObject([
      {
        type: 'GROUP_CREATED',
        resource: { type: 'group', name: 'lab', groups: ['lab'], environment: 'development' },
        details: { before: null, after: { name: 'lab' } },
      },
    ])
  })

  test('with a taken name is refused and leaves no event', async () => {
    const refused = await createGroup(registry.deps, author(), { name: 'edge', environment: 'staging' })
    expect(refused).toMatchObject({ ok: false, error: { code: 'NAME_TAKEN' } })
    expect(registry.events()).toEqual([])
  })

  test('keeps what a change leaves out', async () => {
    await createGroup(registry.deps, author(), {
      name: 'web',
      environment: 'staging',
      description: 'Web',
      domains: ['*.example.com'],
    })
    registry.events()
    const epoch = await registry.epoch()
    const changed = valueOf(
      await updateGroup(registry.deps, author(), 'web', { probeTargets: ['web.example.com:443'], description: '' }),
    )
    expect(changed).toMatchObject({
      environment: 'staging',
      description: '',
      domains: ['*.example.com'],
      probeTargets: ['web.example.com:443'],
    })
    expect(await registry.stores.groups.find('web')).toEqual(changed)
    expect(registry.events()).toMatchObject([
      {
        type: 'GROUP_UPDATED',
        details: {
          before: { description: 'Web', probeTargets: [] },
          after: { description: '', probeTargets: ['web.example.com:443'] },
        },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
  })

  test('that does not exist cannot be changed', async () => {
    expect(await updateGroup(registry.deps, author(), 'nowhere', { description: '' })).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
  })

  test('is found behind ids and names alike, each once, sorted', async () => {
    const prod = await registry.stores.groups.find('prod')
    expect(await registry.stores.groups.resolve(['prod', 'edge', prod?.id ?? ''])).toEqual({
      ok: true,
      value: ['edge', 'prod'],
    })
    expect(await registry.stores.groups.resolve([])).toEqual({ ok: true, value: [] })
  })
})

describe('a person', () => {
  test('is found by e-mail in any case, by id, and cannot be registered twice', async () => {
    const request = { email: 'Ada@Example.COM', name: 'Ada', role: 'operator', groups: ['prod', 'edge'] } as const
    const ada = valueOf(await createPerson(registry.deps, author(), { ...request, groups: [...request.groups] }))
    expect(ada).toMatchObject({ email: 'ada@example.com', groups: ['edge', 'prod'], disabledAt: null })
    expect(await registry.stores.people.find('ADA@example.com')).toEqual(ada)
    expect(await registry.stores.people.find(ada.id)).toEqual(ada)
    expect(registry.events()).toMatchObject([
      { type: 'PERSON_CREATED', resource: { name: 'ada@example.com', groups: ['edge', 'prod'] } },
    ])
    const again = await createPerson(registry.deps, author(), {
      email: 'ada@example.com',
      name: 'Ada',
      role: 'admin',
      groups: [],
    })
    expect(again).toMatchObject({ ok: false, error: { code: 'NAME_TAKEN' } })
    expect(registry.events()).toEqual([])
  })

  test('gets no group that their creator lacks', async () => {
    const request = { email: 'eve@example.com', name: 'Eve', role: 'operator' as const, groups: ['edge', 'prod'] }
    const refused = await createPerson(registry.deps, author(['edge']), request)
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED', message: expect.stringContaining('[prod]') },
    })
  })

  test('is made an admin only by one who has every group', async () => {
    const request = { email: 'boss@example.com', name: 'Boss', role: 'admin' as const, groups: [] }
    expect(await createPerson(registry.deps, author(['edge']), request)).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED' },
    })
    const bob = await aPerson(registry, 'bob', ['edge'])
    expect(await updatePerson(registry.deps, author(['edge']), bob.id, { role: 'admin' })).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED' },
    })
    expect(await registry.stores.people.find(bob.id)).toEqual(bob)
  })

  test('with an unknown group is refused by its name', async () => {
    const refused = await createPerson(registry.deps, author(), {
      email: 'x@example.com',
      name: 'X',
      role: 'operator',
      groups: ['edge', 'nowhere'],
    })
    expect(refused).toMatchObject({ ok: false, error: { code: 'REFERENCE_UNKNOWN', message: 'No group nowhere' } })
  })

  test('who is disabled has their active agents suspended and the sessions ended, in one transaction', async () => {
    const carol = await aPerson(registry, 'carol', ['edge'])
    const active = await anAgent(registry, 'carol-agent', carol.id, ['edge'])
    const other = await anAgent(registry, 'bystander', (await aPerson(registry, 'dave', ['edge'])).id, ['edge'])
    const { token } = await aToken(registry, active, ['edge'])
    const session = await aSession(registry, active, token.id, 'ses_carol')
    registry.events()
    const epoch = await registry.epoch()

    const disabled = valueOf(await updatePerson(registry.deps, author(), 'carol@example.com', { disabled: true }))

    expect(disabled.disabledAt).toEqual(new Date(registry.now))
    expect(registry.events()).toMatchObject([
      { type: 'PERSON_UPDATED', details: { before: { disabled: false }, after: { disabled: true } } },
      {
        type: 'AGENT_SUSPENDED',
        agent: { name: 'carol-agent' },
        details: { before: { status: 'active' }, after: { status: 'suspended' } },
      },
      { type: 'AI_AGENT_SESSION_ENDED', sessionId: session.id, details: { endReason: 'suspended' } },
    ])
    expect((await registry.stores.agents.find(active.id))?.status).toBe('suspended')
    expect((await registry.stores.agents.find(other.id))?.status).toBe('active')
    expect(await registry.epoch()).toBe(epoch + 1)

    expect(await resumeAgent(registry.deps, author(), active.id, 'try')).toMatchObject({
      ok: false,
      error: { code: 'STATE_CONFLICT' },
    })
    valueOf(await updatePerson(registry.deps, author(), carol.id, { disabled: false }))
    expect((await registry.stores.agents.find(active.id))?.status).toBe('suspended')
    expect(valueOf(await resumeAgent(registry.deps, author(), active.id, 'back')).status).toBe('active')
  })

  test('who is disabled twice keeps the first time, and their agents get no second event', async () => {
    const erin = await aPerson(registry, 'erin', ['edge'])
    await anAgent(registry, 'erin-agent', erin.id, ['edge'])
    const first = valueOf(await updatePerson(registry.deps, author(), erin.id, { disabled: true }))
    registry.events()
    registry.now += 1000
    const second = valueOf(await updatePerson(registry.deps, author(), erin.id, { disabled: true }))
    expect(second.disabledAt).toEqual(first.disabledAt)
    expect(registry.events().map(({ type }) => type)).toEqual(['PERSON_UPDATED'])
  })

  test('is not let in again by one who lacks their groups', async () => {
    const frank = await aPerson(registry, 'frank', ['prod'])
    valueOf(await updatePerson(registry.deps, author(), frank.id, { disabled: true }))
    const refused = await updatePerson(registry.deps, author(['edge']), frank.id, { disabled: false })
    expect(refused).toMatchObject({ ok: false, error: { code: 'GROUP_NOT_PERMITTED' } })
  })
})

describe('an API key', () => {
  test('is shown once, kept as a hash, and leads back to its person in one look', async () => {
    const grace = await aPerson(registry, 'grace', ['edge'])
    registry.events()
    const { apiKey, value } = valueOf(
      await createApiKey(registry.deps, author(), { person: 'grace@example.com', name: 'ci', ttlSeconds: 60 }),
    )
    expect(value.expose()).toMatch(/^clk_api_[0-9A-Za-z]{49}$/)
    expect(apiKey).toMatchObject({
      person: 'grace@example.com',
      createdBy: author().actor.id,
      prefix: value.expose().slice(0, 12),
    })
    expect(await registry.stores.apiKeys.findPrincipal(bearerHash(value.expose()))).toEqual({ apiKey, person: grace })
    expect(await registry.stores.apiKeys.findPrincipal(bearerHash(`${value.expose()}x`))).toBeUndefined()
    const written = JSON.stringify([
      registry.events(),
      await registry.database.knex('api_keys'),
      await registry.database.knex('audit_events'),
    ])
    expect(written).toContain('API_KEY_CREATED')
    expect(written).not.toContain(value.expose().slice(12))
  })

  test('ends by itself', async () => {
    const { apiKey } = valueOf(
      await createApiKey(registry.deps, author(), { person: 'grace@example.com', name: 'short', ttlSeconds: 60 }),
    )
    expect(apiKeyStatus(apiKey, registry.now + 59_999)).toBe('active')
    expect(apiKeyStatus(apiKey, registry.now + 60_000)).toBe('expired')
  })

  test('is revoked once, however often it is asked', async () => {
    const { apiKey } = valueOf(
      await createApiKey(registry.deps, author(), { person: 'grace@example.com', name: 'old', ttlSeconds: 60 }),
    )
    registry.events()
    const revoked = valueOf(await revokeApiKey(registry.deps, author(), apiKey.id))
    registry.now += 1000
    expect(valueOf(await revokeApiKey(registry.deps, author(), apiKey.id))).toEqual(revoked)
    expect(registry.events()).toMatchObject([
      { type: 'API_KEY_REVOKED', details: { before: { status: 'active' }, after: { status: 'revoked' } } },
    ])
    expect(await registry.stores.apiKeys.find(apiKey.id)).toMatchObject({ apiKey: { revokedAt: revoked.revokedAt } })
    expect(await revokeApiKey(registry.deps, author(), 'key_none')).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
  })

  test('is refused for an unknown or disabled person, and for one with more groups than its creator', async () => {
    const request = { name: 'x', ttlSeconds: 60 }
    expect(await createApiKey(registry.deps, author(), { ...request, person: 'nobody@example.com' })).toMatchObject({
      ok: false,
      error: { code: 'REFERENCE_UNKNOWN' },
    })
    const heidi = await aPerson(registry, 'heidi', ['prod'])
    expect(await createApiKey(registry.deps, author(['edge']), { ...request, person: heidi.id })).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED' },
    })
    valueOf(await updatePerson(registry.deps, author(), heidi.id, { disabled: true }))
    expect(await createApiKey(registry.deps, author(), { ...request, person: heidi.id })).toMatchObject({
      ok: false,
      error: { code: 'STATE_CONFLICT' },
    })
  })
})

describe('a list', () => {
  test('is walked page by page, in both orders, without repeating or missing anything', async () => {
    for (const order of ['asc', 'desc'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = valueOf(
          await registry.stores.people.list({}, { limit: 2, order, ...(cursor === undefined ? {} : { cursor }) }),
        )
        expect(page.items.length).toBeLessThanOrEqual(2)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      const rows: { id: string }[] = await registry.database.knex('people').select('id').orderBy(['created_at', 'id'])
      const all = rows.map(({ id }) => id)
      expect(seen).toEqual(order === 'asc' ? all : all.toReversed())
    }
  })

  test('keeps to groups, and to the keys of one person', async () => {
    const page = { limit: 200, order: 'asc' } as const
    const staging = await registry.stores.groups.find('staging')
    const ivan = await aPerson(registry, 'ivan', ['staging'])
    expect(valueOf(await registry.stores.people.list({ groups: ['staging'] }, page)).items).toEqual([ivan])
    expect(valueOf(await registry.stores.people.list({ groups: [staging?.id ?? ''] }, page)).items).toEqual([ivan])
    expect(valueOf(await registry.stores.people.list({ groups: [] }, page)).items).toEqual([])
    expect(
      valueOf(await registry.stores.groups.list({ groups: ['edge', 'nowhere'] }, page)).items.map(({ name }) => name),
    ).toEqual(['edge'])
    const { apiKey } = valueOf(
      await createApiKey(registry.deps, author(), { person: ivan.id, name: 'a', ttlSeconds: 60 }),
    )
    expect(valueOf(await registry.stores.apiKeys.list({ person: 'IVAN@example.com' }, page)).items).toEqual([apiKey])
  })

  test.each([
    'x',
    Buffer.from('["2026-99-99T00:00:00.000Z","per_0"]').toString('base64url'),
    Buffer.from('["2026-03-01T00:00:00.000Z","per_0\'--"]').toString('base64url'),
  ])('refuses a cursor that is not its own: %s', async (cursor) => {
    expect(await registry.stores.people.list({}, { limit: 2, order: 'asc', cursor })).toMatchObject({
      ok: false,
      error: { code: 'ARGUMENT_INVALID' },
    })
  })
})
