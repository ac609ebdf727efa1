import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadSealedBoxKey } from '../../../src/adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from '../../../src/adapters/sealed-box/sealed-box-source.ts'
import { addSecretVersion } from '../../../src/domain/secrets/add-secret-version.ts'
import { createSecret } from '../../../src/domain/secrets/create-secret.ts'
import { deleteSecret } from '../../../src/domain/secrets/delete-secret.ts'
import { readSecret } from '../../../src/domain/secrets/read-secret.ts'
import { restoreSecret } from '../../../src/domain/secrets/restore-secret.ts'
import { revealSecret } from '../../../src/domain/secrets/reveal-secret.ts'
import { secretView } from '../../../src/domain/secrets/secret.ts'
import { type CreateSecret, secretValueBytesMax } from '../../../src/domain/secrets/secret.schema.ts'
import { updateSecret } from '../../../src/domain/secrets/update-secret.ts'
import type { SecretVersionDeps } from '../../../src/domain/secrets/append-version.ts'
import { updatePerson } from '../../../src/domain/people/update-person.ts'
import { aGroup, aPerson, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

const page = { limit: 50, order: 'asc' } as const
const operator = author(['edge', 'staging'])

let registry: TestRegistry
let directory: string
let deps: SecretVersionDeps
let names = 0
let name: string

beforeAll(async () => {
  registry = await testRegistry()
  directory = await mkdtemp(join(tmpdir(), 'secrets-'))
  const { knex } = registry.database
  const { clock } = registry.deps
  const key = valueOf(await loadSealedBoxKey({ knex, clock, keyFile: join(directory, 'keys', 'secrets.key') }))
  deps = { ...registry.deps, secrets: registry.stores.secrets, source: new SealedBoxSource({ knex, key, clock }) }
  for (const group of ['edge', 'prod']) await aGroup(registry, group)
  await aGroup(registry, 'staging', 'staging')
  await aPerson(registry, 'ada', ['edge'])
  await aPerson(registry, 'bob', ['edge'])
})

afterAll(async () => {
  await registry.close()
  await rm(directory, { recursive: true })
})

beforeEach(() => {
  name = `db-password-${++names}`
  registry.events()
})

const create = (over: Partial<CreateSecret> = {}, by = operator) =>
  createSecret(deps, by, { name, groups: ['staging'], value: 'hunter2', ...over })
const found = async () => {
  const secret = await registry.stores.secrets.find(name)
  if (secret === undefined) throw new Error(`no secret ${name}`)
  return secret
}
const readAs = async (version?: number) => valueOf(await readSecret(deps, await found(), version))
const storedValues = async () =>
  Number((await registry.database.knex('sealed_values').count({ rows: '*' }).first())?.['rows'])

describe('creating a secret', () => {
  test('registers version 0 with honest defaults, and records it without the value', async () => {
    const epoch = await registry.epoch()
    const secret = valueOf(await create({ groups: ['staging', 'edge'] }))
    expect(secret).toMatchObject({
      name,
      kind: 'shared',
      owner: null,
      type: 'opaque',
      description: '',
      disclosure: 'raw',
      groups: ['edge', 'staging'],
      environment: 'production',
      currentVersion: 0,
    })
    const events = registry.events()
    expect(events).toMatchObject([
      {
        type: 'SECRET_CREATED',
        resource: { type: 'secret', id: secret.id, name, version: 0 },
        details: { before: null, after: secretView(secret) },
      },
    ])
    expect(JSON.stringify(events)).not.toContain('hunter2')
    expect(await registry.epoch()).toBe(epoch + 1)
    expect(await readAs()).toEqual({ name, groups: ['edge', 'staging'], version: 0, type: 'opaque', value: 'hunter2' })
  })

  test('takes the strictest environment of its groups', async () => {
    expect(valueOf(await create({ groups: ['staging'] })).environment).toBe('staging')
  })

  test('can make it private to a person, in no group', async () => {
    const secret = valueOf(await create({ kind: 'private', owner: 'ADA@example.com', groups: [] }))
    expect(secret).toMatchObject({ kind: 'private', owner: 'ada@example.com', groups: [], environment: '' })
  })

  test.each<[string, Partial<CreateSecret>, string]>([
    ['a group outside the reach of who asks', { groups: ['edge', 'prod'] }, 'GROUP_NOT_PERMITTED'],
    ['a group that does not exist', { groups: ['nowhere'] }, 'REFERENCE_UNKNOWN'],
    ['a shared secret in no group', { groups: [] }, 'ARGUMENT_INVALID'],
    ['an owner of a shared secret', { owner: 'ada@example.com' }, 'ARGUMENT_INVALID'],
    ['a private secret of nobody', { kind: 'private' }, 'ARGUMENT_INVALID'],
    ['an owner who does not exist', { kind: 'private', owner: 'eve@example.com' }, 'REFERENCE_UNKNOWN'],
    ['a value that is one byte too long', { value: `${'x'.repeat(secretValueBytesMax - 1)}é` }, 'ARGUMENT_INVALID'],
    ['a value that is no text', { value: 'x\ud800' }, 'ARGUMENT_INVALID'],
  ])('refuses %s, and stores nothing', async (_, over, code) => {
    const before = await storedValues()
    expect(await create(over)).toMatchObject({ ok: false, error: { code } })
    expect(await storedValues()).toBe(before)
    expect(registry.events()).toEqual([])
    expect(await registry.stores.secrets.find(name)).toBeUndefined()
  })

  test('refuses a disabled owner', async () => {
    valueOf(await updatePerson(registry.deps, author(), 'bob@example.com', { disabled: true }))
    expect(await create({ kind: 'private', owner: 'bob@example.com' })).toMatchObject({
      error: { code: 'STATE_CONFLICT' },
    })
  })

  test('takes a value of exactly the longest length', async () => {
    valueOf(await create({ value: 'é'.repeat(secretValueBytesMax / 2) }))
    expect((await readAs()).value).toBe('é'.repeat(secretValueBytesMax / 2))
  })

  test('gives a name to one of those who ask at once', async () => {
    const results = await Promise.all([create(), create(), create()])
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    for (const result of results.filter(({ ok }) => !ok))
      expect(result).toMatchObject({ error: { code: 'NAME_TAKEN' } })
    const before = await storedValues()
    expect(await create()).toMatchObject({ error: { code: 'NAME_TAKEN' } })
    expect(await storedValues()).toBe(before)
  })

  test('leaves no name without a value when the store fails', async () => {
    const down = { code: 'SECRET_STORE_UNAVAILABLE', message: '', detail: '', cause: undefined } as const
    const broken = { ...deps, source: { ...deps.source, write: async () => ({ ok: false, error: down }) as const } }
    expect(await createSecret(broken, operator, { name, groups: ['edge'], value: 'x' })).toEqual({
      ok: false,
      error: down,
    })
    expect(await registry.stores.secrets.find(name)).toBeUndefined()
  })
})

describe('versions of a secret', () => {
  test('count up, stay readable, and are recorded', async () => {
    valueOf(await create({ value: 'zero' }))
    registry.events()
    registry.now += 1_000
    expect(valueOf(await addSecretVersion(deps, operator, name, 'one')).currentVersion).toBe(1)
    const events = registry.events()
    expect(events).toMatchObject([
      {
        type: 'SECRET_UPDATED',
        resource: { name, version: 1 },
        details: { before: { version: 0 }, after: { version: 1 } },
      },
    ])
    expect(JSON.stringify(events)).not.toContain('"one"')
    expect((await readAs()).value).toBe('one')
    expect(await readAs(0)).toMatchObject({ version: 0, value: 'zero' })
  })

  test('added at once all count', async () => {
    valueOf(await create({ value: 'zero' }))
    const added = await Promise.all(['a', 'b', 'c', 'd'].map((value) => addSecretVersion(deps, operator, name, value)))
    expect(added.map((each) => valueOf(each).currentVersion).sort()).toEqual([1, 2, 3, 4])
    const values = await Promise.all([1, 2, 3, 4].map(async (version) => (await readAs(version)).value))
    expect(values.sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('that are restored repeat an old content as a new version', async () => {
    valueOf(await create({ value: 'zero' }))
    valueOf(await addSecretVersion(deps, operator, name, 'one'))
    registry.events()
    expect(valueOf(await restoreSecret(deps, operator, name, 0)).currentVersion).toBe(2)
    expect(registry.events()).toMatchObject([
      { type: 'SECRET_RESTORED', details: { restoredFrom: 0, before: { version: 1 }, after: { version: 2 } } },
    ])
    expect(await readAs()).toMatchObject({ version: 2, value: 'zero' })
    const { id } = await found()
    const versions = valueOf(await registry.stores.secrets.listVersions(id, page)).items
    expect(versions.map(({ version, restoredFrom }) => [version, restoredFrom])).toEqual([
      [0, null],
      [1, null],
      [2, 0],
    ])
    expect(await restoreSecret(deps, operator, name, 3)).toMatchObject({ error: { code: 'VERSION_UNKNOWN' } })
  })

  test('are listed in pages, in either order', async () => {
    valueOf(await create({ value: 'zero' }))
    for (const value of ['one', 'two']) valueOf(await addSecretVersion(deps, operator, name, value))
    const { id } = await found()
    for (const [order, expected] of [
      ['desc', [[2, 1], [0]]],
      ['asc', [[0, 1], [2]]],
    ] as const) {
      const first = valueOf(await registry.stores.secrets.listVersions(id, { limit: 2, order }))
      const second = valueOf(
        await registry.stores.secrets.listVersions(id, { limit: 2, order, cursor: first.nextCursor ?? '' }),
      )
      expect([first, second].map(({ items }) => items.map(({ version }) => version))).toEqual(expected)
      expect(second.nextCursor).toBeNull()
    }
    expect(await registry.stores.secrets.listVersions(id, { ...page, cursor: 'x' })).toMatchObject({
      error: { code: 'ARGUMENT_INVALID' },
    })
  })

  test('are refused for a secret that is not there', async () => {
    for (const refused of [
      await addSecretVersion(deps, operator, 'nothing', 'x'),
      await restoreSecret(deps, operator, 'nothing', 0),
      await updateSecret(deps, operator, 'nothing', { type: 'x' }),
      await deleteSecret(deps, operator, 'nothing'),
    ]) {
      expect(refused).toMatchObject({ ok: false, error: { code: 'NOT_FOUND', message: 'No secret nothing' } })
    }
  })
})

describe('an agent that may read', () => {
  test('gets the version the policy decided about, also when a newer one came since', async () => {
    valueOf(await create({ value: 'zero' }))
    const decidedAbout = await found()
    valueOf(await addSecretVersion(deps, operator, name, 'one'))
    expect(valueOf(await readSecret(deps, decidedAbout))).toMatchObject({ version: 0, value: 'zero' })
  })

  test('gets no version that there is not, and none of a secret that was deleted since', async () => {
    valueOf(await create())
    const secret = await found()
    expect(await readSecret(deps, secret, 1)).toMatchObject({ error: { code: 'VERSION_UNKNOWN' } })
    valueOf(await deleteSecret(deps, operator, name))
    expect(await readSecret(deps, secret)).toMatchObject({ error: { code: 'VERSION_UNKNOWN' } })
  })
})

describe('revealing a secret', () => {
  test('is on record, by whom and which version, before the value is there', async () => {
    valueOf(await create({ value: 'zero' }))
    valueOf(await addSecretVersion(deps, operator, name, 'one'))
    registry.events()
    const revealed = valueOf(await revealSecret(deps, operator, await found(), 0))
    const events = registry.events()
    expect(revealed.value.expose()).toBe('zero')
    expect(JSON.stringify(revealed)).not.toContain('zero')
    expect(events).toMatchObject([
      { type: 'SECRET_REVEALED', actor: operator.actor, resource: { name, version: 0 }, details: { version: 0 } },
    ])
    expect(valueOf(await revealSecret(deps, operator, await found())).value.expose()).toBe('one')
  })

  test('gives nothing when it cannot be recorded', async () => {
    valueOf(await create())
    const lost = { ...deps, inTransaction: () => Promise.reject(new Error('the log is away')) }
    await expect(revealSecret(lost, operator, await found())).rejects.toThrow('the log is away')
  })
})

describe('a secret that changed since it was decided that a person may see it', () => {
  test.each([
    ['was moved to other groups', () => updateSecret(deps, operator, name, { groups: ['edge'] })],
    ['may only be used', () => updateSecret(deps, operator, name, { disclosure: 'use_only' })],
    ['was deleted', () => deleteSecret(deps, operator, name)],
  ])('is not shown when it %s, and nothing is on record', async (_, change) => {
    valueOf(await create())
    const decidedAbout = await found()
    valueOf(await change())
    registry.events()
    expect(await revealSecret(deps, operator, decidedAbout)).toMatchObject({
      error: { code: expect.stringMatching(/^(GATEWAY_RESOURCE_CHANGED|VERSION_UNKNOWN)$/) },
    })
    expect(registry.events()).toEqual([])
  })

  test('is not shown either when that happens while its value is being read', async () => {
    valueOf(await create())
    const slow: typeof deps.source = {
      ...deps.source,
      kind: 'vault',
      read: async (path, version) => {
        valueOf(await updateSecret(deps, operator, name, { groups: ['edge'] }))
        return deps.source.read(path, version)
      },
      write: (path, value) => deps.source.write(path, value),
      check: () => deps.source.check(),
    }
    const decidedAbout = await found()
    registry.events()
    expect(await revealSecret({ ...deps, source: slow }, operator, decidedAbout)).toMatchObject({
      error: { code: 'GATEWAY_RESOURCE_CHANGED' },
    })
    expect(registry.events()).toMatchObject([{ type: 'SECRET_UPDATED' }])
  })

  test('is shown in the version that was current then, also when it has a newer one', async () => {
    valueOf(await create({ value: 'zero' }))
    const decidedAbout = await found()
    valueOf(await addSecretVersion(deps, operator, name, 'one'))
    expect(valueOf(await revealSecret(deps, operator, decidedAbout)).value.expose()).toBe('zero')
  })
})

describe('updating a secret', () => {
  test('changes what is given, and records before and after', async () => {
    valueOf(await create())
    registry.events()
    const epoch = await registry.epoch()
    const after = valueOf(
      await updateSecret(deps, operator, name, { description: 'main', disclosure: 'use_only', groups: ['edge'] }),
    )
    expect(after).toMatchObject({
      description: 'main',
      disclosure: 'use_only',
      groups: ['edge'],
      environment: 'production',
      type: 'opaque',
    })
    expect(registry.events()).toMatchObject([
      {
        type: 'SECRET_UPDATED',
        details: { before: { groups: ['staging'], disclosure: 'raw' }, after: { groups: ['edge'] } },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
  })

  test('neither adds nor removes a group, nor loosens disclosure, beyond the reach of who asks', async () => {
    valueOf(await create({ groups: ['prod', 'staging'] }, author()))
    for (const changes of [
      { groups: ['staging'] },
      { groups: ['prod', 'staging', 'edge'] },
      { disclosure: 'raw' as const },
    ]) {
      expect(await updateSecret(deps, operator, name, changes)).toMatchObject({
        error: { code: 'GROUP_NOT_PERMITTED' },
      })
    }
    expect((await found()).groups).toEqual(['prod', 'staging'])
    expect(valueOf(await updateSecret(deps, operator, name, { description: 'only a word' })).groups).toEqual([
      'prod',
      'staging',
    ])
  })

  test('leaves no shared secret without a group', async () => {
    valueOf(await create())
    expect(await updateSecret(deps, operator, name, { groups: [] })).toMatchObject({
      error: { code: 'ARGUMENT_INVALID' },
    })
  })
})

describe('deleting a secret', () => {
  test('hides it everywhere, frees its name, and does not bring its versions back', async () => {
    const first = valueOf(await create({ value: 'old' }))
    registry.events()
    valueOf(await deleteSecret(deps, operator, name))
    expect(registry.events()).toMatchObject([
      { type: 'SECRET_DELETED', resource: { name }, details: { before: secretView(first), after: null } },
    ])
    expect(await registry.stores.secrets.find(name)).toBeUndefined()
    expect(await registry.stores.secrets.find(first.id)).toBeUndefined()
    expect(await deleteSecret(deps, operator, first.id)).toMatchObject({ error: { code: 'NOT_FOUND' } })
    const second = valueOf(await create({ value: 'new' }))
    expect(second.id).not.toBe(first.id)
    expect(await readAs()).toMatchObject({ version: 0, value: 'new' })
  })
})

describe('finding secrets', () => {
  test('a secret named like the id of another does not stand in for it', async () => {
    const draft = valueOf(await create())
    // In whatever order the database comes upon the two, in one of these cases the other one is first.
    for (const [index, [victimName, isVictimFirst]] of (
      [
        ['a', true],
        ['a', false],
        ['z', true],
        ['z', false],
      ] as const
    ).entries()) {
      const id = `sec_victim${index}`
      const victim = { ...draft, id, name: `${victimName}-${id}` }
      const impostor = { ...draft, id: `sec_impostor${index}`, name: id }
      for (const each of isVictimFirst ? [victim, impostor] : [impostor, victim])
        await registry.stores.secrets.insert(each)
      expect(await registry.stores.secrets.find(id)).toEqual(victim)
      expect(await registry.stores.secrets.findByName(id)).toEqual(impostor)
      expect(valueOf(await deleteSecret(deps, operator, id))).toEqual(victim)
    }
  })

  test('agents reach the shared ones of their groups and the private ones of their owner, by name, in pages', async () => {
    const marker = `list-${names}`
    const ada = (await registry.stores.people.find('ada@example.com'))?.id ?? ''
    for (const [suffix, over] of [
      ['b', { groups: ['edge'] }],
      ['a', { groups: ['edge', 'staging'] }],
      ['c', { groups: ['staging'] }],
      ['mine', { kind: 'private', owner: ada, groups: [] }],
    ] as const) {
      valueOf(await create({ ...over, groups: [...over.groups], name: `${marker}-${suffix}` }))
    }
    const shared = { kind: 'shared', groups: ['edge'], ownerId: ada, query: marker.toUpperCase() } as const
    const first = valueOf(await registry.stores.secrets.listReachable(shared, { limit: 1 }))
    expect(first.items.map((secret) => secret.name)).toEqual([`${marker}-a`])
    const rest = valueOf(
      await registry.stores.secrets.listReachable(shared, { limit: 5, cursor: first.nextCursor ?? '' }),
    )
    expect(rest.items.map((secret) => secret.name)).toEqual([`${marker}-b`])
    const privately = async (ownerId: string) =>
      valueOf(
        await registry.stores.secrets.listReachable({ ...shared, kind: 'private', ownerId }, { limit: 5 }),
      ).items.map((secret) => secret.name)
    expect(await privately(ada)).toEqual([`${marker}-mine`])
    expect(await privately('per_other')).toEqual([])
    expect(valueOf(await registry.stores.secrets.listReachable({ ...shared, query: '%' }, { limit: 5 })).items).toEqual(
      [],
    )
  })

  test('people list the shared ones of their groups and their own private ones', async () => {
    const ada = (await registry.stores.people.find('ada@example.com'))?.id ?? ''
    const shared = valueOf(await create({ groups: ['edge'] }))
    const mine = valueOf(await create({ name: `${name}-mine`, kind: 'private', owner: ada, groups: ['edge'] }))
    const other = valueOf(await create({ name: `${name}-other`, groups: ['staging'] }))
    const ids = async (filter: Parameters<typeof registry.stores.secrets.list>[0]) =>
      valueOf(await registry.stores.secrets.list(filter, { limit: 200, order: 'asc' })).items.map(({ id }) => id)
    const own = await ids({ groups: ['edge'], ownerId: ada })
    expect(own).toEqual(expect.arrayContaining([shared.id, mine.id]))
    expect(own).not.toContain(other.id)
    expect(await ids({ groups: ['edge'] })).not.toContain(mine.id)
    expect(await ids({ kind: 'private' })).not.toContain(shared.id)
    expect(await ids({})).toEqual(expect.arrayContaining([shared.id, mine.id, other.id]))
  })
})
