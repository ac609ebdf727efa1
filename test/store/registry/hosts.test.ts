import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createHost } from '../../../src/domain/hosts/create-host.ts'
import type { CreateHost } from '../../../src/domain/hosts/host.schema.ts'
import { updateHost } from '../../../src/domain/hosts/update-host.ts'
import type { FaultCode } from '../../../src/kernel/faults.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { aGroup, aPerson, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHE0ZXN0a2V5dGVzdGtleXRlc3RrZXl0ZXN0a2V5dGVz'

let registry: TestRegistry
beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge', 'staging')
  await aGroup(registry, 'prod')
  await aGroup(registry, 'web', 'staging')
  await aSecret('edge-ssh-key', ['edge'])
  await aSecret('prod-ssh-key', ['prod'])
  await aSecret('adas-key', ['edge'], (await aPerson(registry, 'ada', ['edge'])).id)
})
afterAll(() => registry.close())
beforeEach(() => {
  registry.events()
})

const request: CreateHost = {
  name: 'edge-1',
  address: '10.0.0.7',
  groups: ['edge'],
  principals: ['deploy'],
  modes: ['exec'],
  hostKeys: [`${HOST_KEY} root@edge`],
  credential: { kind: 'certificate' },
}

/** A secret as the registry knows it; its value is not what these tests are about. */
async function aSecret(name: string, groups: string[], ownerId: string | null = null) {
  const secret = await registry.stores.secrets.insert({
    id: newId('sec'),
    name,
    kind: ownerId === null ? 'shared' : 'private',
    ownerId,
    type: 'ssh_key',
    description: '',
    disclosure: 'raw',
    groups,
    currentVersion: 0,
    createdAt: new Date(registry.now),
    createdBy: 'per_0',
  })
  if (secret === undefined) throw new Error(`the name ${name} is taken`)
}

describe('registering a host', () => {
  test('fills in port 22, keeps keys without comment, and puts it on record', async () => {
    const host = valueOf(await createHost(registry.deps, author(['edge']), request))
    expect(host).toMatchObject({
      port: 22,
      hostKeys: [HOST_KEY],
      environment: 'staging',
      groups: ['edge'],
      createdBy: author().actor.id,
    })
    expect(await registry.stores.hosts.find('edge-1')).toEqual(host)
    expect(await registry.stores.hosts.find(host.id)).toEqual(host)
    expect(registry.events()).toMatchObject([
      {
        type: 'HOST_CREATED',
        resource: { type: 'host', name: 'edge-1', groups: ['edge'], environment: 'staging' },
        details: { before: null, after: { port: 22 } },
      },
    ])
  })

  test('binds a secret by its id, and never shows the id', async () => {
    const host = valueOf(
      await createHost(registry.deps, author(['edge']), {
        ...request,
        name: 'by-secret',
        credential: { kind: 'secret', secret: 'edge-ssh-key' },
      }),
    )
    const secret = await registry.stores.secrets.findByName('edge-ssh-key')
    expect(host.credential).toEqual({ kind: 'secret', secretId: secret?.id, secret: 'edge-ssh-key' })
    expect(registry.events()[0]?.details).toMatchObject({
      after: { credential: { kind: 'secret', secret: 'edge-ssh-key' } },
    })
  })

  test('in several groups takes the strictest environment', async () => {
    const host = valueOf(
      await createHost(registry.deps, author(), { ...request, name: 'both', groups: ['web', 'prod'] }),
    )
    expect(host).toMatchObject({ groups: ['prod', 'web'], environment: 'production' })
  })

  const bySecret = (secret: string): Partial<CreateHost> => ({ credential: { kind: 'secret', secret } })
  test.each<[string, Partial<CreateHost>, FaultCode, string]>([
    ['an unknown group', { groups: ['nowhere'] }, 'REFERENCE_UNKNOWN', 'nowhere'],
    ["a group outside the creator's", { groups: ['edge', 'prod'] }, 'GROUP_NOT_PERMITTED', '[prod]'],
    ['a secret that does not exist', bySecret('nothing'), 'REFERENCE_UNKNOWN', 'No secret nothing'],
    [
      "a secret outside the creator's groups, as if it did not exist",
      bySecret('prod-ssh-key'),
      'REFERENCE_UNKNOWN',
      'No secret prod-ssh-key',
    ],
    ['a private secret, as if it did not exist', bySecret('adas-key'), 'REFERENCE_UNKNOWN', 'No secret adas-key'],
    ['a host key that is none', { hostKeys: [HOST_KEY, 'ssh-ed25519 AAAA'] }, 'ARGUMENT_INVALID', 'hostKeys/1'],
    ['a taken name', { name: 'edge-taken' }, 'NAME_TAKEN', 'edge-taken'],
  ])('with %s is refused, and leaves nothing behind', async (_, changes, code, named) => {
    await createHost(registry.deps, author(), { ...request, name: 'edge-taken' })
    registry.events()
    const refused = await createHost(registry.deps, author(['edge']), { ...request, name: 'refused', ...changes })
    expect(refused).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(named) } })
    expect(registry.events()).toEqual([])
    expect(await registry.stores.hosts.find('refused')).toBeUndefined()
  })
})

describe('changing a host', () => {
  test('keeps what is left out, and its environment follows its groups', async () => {
    const before = valueOf(
      await createHost(registry.deps, author(), {
        ...request,
        name: 'changing',
        credential: { kind: 'secret', secret: 'edge-ssh-key' },
      }),
    )
    registry.events()
    const epoch = await registry.epoch()
    const after = valueOf(await updateHost(registry.deps, author(), 'changing', { port: 2222, groups: ['prod'] }))
    expect(after).toEqual({ ...before, port: 2222, groups: ['prod'], environment: 'production' })
    expect(await registry.stores.hosts.find(before.id)).toEqual(after)
    expect(registry.events()).toMatchObject([
      {
        type: 'HOST_UPDATED',
        resource: { environment: 'production' },
        details: { before: { port: 22, groups: ['edge'] }, after: { port: 2222, groups: ['prod'] } },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
  })

  test('by one who lacks one of its groups is refused', async () => {
    const before = valueOf(
      await createHost(registry.deps, author(), { ...request, name: 'guarded', groups: ['edge', 'prod'] }),
    )
    const refused = await updateHost(registry.deps, author(['edge']), 'guarded', { address: '10.6.6.6' })
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'GROUP_NOT_PERMITTED', message: expect.stringContaining('[prod]') },
    })
    expect(await registry.stores.hosts.find('guarded')).toEqual(before)
  })

  test('is held to the same limits as registering one', async () => {
    await createHost(registry.deps, author(), { ...request, name: 'limited' })
    expect(await updateHost(registry.deps, author(['edge']), 'limited', { hostKeys: ['x'] })).toMatchObject({
      ok: false,
      error: { code: 'ARGUMENT_INVALID' },
    })
    const foreign = await updateHost(registry.deps, author(['edge']), 'limited', {
      credential: { kind: 'secret', secret: 'prod-ssh-key' },
    })
    expect(foreign).toMatchObject({ ok: false, error: { code: 'REFERENCE_UNKNOWN' } })
    expect(await updateHost(registry.deps, author(), 'nowhere', { port: 22 })).toMatchObject({
      ok: false,
      error: { code: 'NOT_FOUND' },
    })
  })
})

describe('the hosts that an agent reaches', () => {
  beforeAll(async () => {
    for (const name of ['web-b', 'web.a', 'web-a', 'web0'])
      valueOf(await createHost(registry.deps, author(), { ...request, name, groups: ['web'] }))
    valueOf(await createHost(registry.deps, author(), { ...request, name: 'web-prod', groups: ['prod', 'web'] }))
    valueOf(await createHost(registry.deps, author(), { ...request, name: 'web-elsewhere', groups: ['prod'] }))
  })

  test('share a group with it and come once, by name, page by page', async () => {
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page: NonNullable<Awaited<ReturnType<typeof reachable>>> = await reachable(['web', 'edge'], 'WEB', cursor)
      seen.push(...page.items.map(({ name }) => name))
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual(['both', 'web-a', 'web-b', 'web-prod', 'web.a', 'web0'].filter((name) => name.includes('web')))
  })

  test('are none without groups', async () => {
    expect((await reachable([], undefined, null)).items).toEqual([])
  })

  test('are searched for the text itself, not for a pattern', async () => {
    expect((await reachable(['web'], 'web_a', null)).items).toEqual([])
    expect((await reachable(['web'], '%', null)).items).toEqual([])
  })

  test('are not paged by a cursor of another list', async () => {
    const cursor = Buffer.from('["2026-03-01T00:00:00.000Z","hst_0"]').toString('base64url')
    expect(await registry.stores.hosts.listReachable({ groups: ['web'] }, { limit: 2, cursor })).toMatchObject({
      ok: false,
      error: { code: 'ARGUMENT_INVALID' },
    })
  })

  async function reachable(groups: string[], query: string | undefined, cursor: string | null) {
    const filter = query === undefined ? { groups } : { groups, query }
    return valueOf(
      await registry.stores.hosts.listReachable(filter, cursor === null ? { limit: 2 } : { limit: 2, cursor }),
    )
  }
})

describe('the list of hosts', () => {
  test('keeps to groups', async () => {
    const page = { limit: 200, order: 'asc' } as const
    const names = valueOf(await registry.stores.hosts.list({ groups: ['prod'] }, page)).items.map(({ name }) => name)
    expect(names).toContain('both')
    expect(names).not.toContain('edge-1')
    expect(new Set(names).size).toBe(names.length)
  })
})
