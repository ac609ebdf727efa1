import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAgent } from '../../../src/domain/agents/create-agent.ts'
import { updateAgent } from '../../../src/domain/agents/update-agent.ts'
import { updatePerson } from '../../../src/domain/people/update-person.ts'
import { createToken } from '../../../src/domain/tokens/create-token.ts'
import type { GroupReach } from '../../../src/domain/groups/group-reach.ts'
import { bearerHash } from '../../../src/kernel/bearer.ts'
import { aGroup, aPerson, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

let registry: TestRegistry
let ada: string
let bob: string
let root: string
beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge')
  ada = (await aPerson(registry, 'ada', ['edge'])).id
  bob = (await aPerson(registry, 'bob', ['edge'])).id
  root = (await aPerson(registry, 'root', [])).id
  valueOf(await updatePerson(registry.deps, author(), root, { role: 'admin' }))
})
afterAll(() => registry.close())

const refused = { ok: false, error: { code: 'SCOPE_NOT_PERMITTED' } }
let agents = 0

/** An agent that an admin made. */
async function agentOf(owner: string, scopes: ('secret:read' | 'private_secret:read')[]) {
  const name = `agent-${++agents}`
  return valueOf(
    await createAgent(registry.deps, author(), { name, owner, riskLevel: 'low', scopes, groups: ['edge'] }),
  )
}

function mint(by: string, reach: GroupReach, agentId: string, more: object = {}) {
  const request = { agentId, name: 'laptop', groups: ['edge'], ttlSeconds: 60, ...more }
  return createToken(registry.deps, author(reach, by), request)
}

describe("an agent reads its owner's private secrets, so nobody else", () => {
  test('registers one that may', async () => {
    const request = {
      name: 'spy',
      owner: ada,
      riskLevel: 'low' as const,
      scopes: ['private_secret:read' as const],
      groups: ['edge'],
    }
    expect(await createAgent(registry.deps, author(['edge'], bob), request)).toMatchObject(refused)
    expect(await createAgent(registry.deps, author(['edge'], ada), request)).toMatchObject({ ok: true })
  })

  test('mints a token for one that may, unless the token may not', async () => {
    const { id } = await agentOf(ada, ['secret:read', 'private_secret:read'])
    expect(await mint(bob, ['edge'], id)).toMatchObject(refused)
    expect(await mint(bob, ['edge'], id, { scopes: ['private_secret:read'] })).toMatchObject(refused)
    expect(await mint(bob, ['edge'], id, { scopes: ['secret:read'] })).toMatchObject({ ok: true })
    expect(await mint(ada, ['edge'], id)).toMatchObject({ ok: true })
    expect(await mint(bob, 'every', id)).toMatchObject({ ok: true })
  })

  test('gives the scope to one of theirs', async () => {
    const { id } = await agentOf(ada, ['secret:read'])
    const change = { scopes: ['secret:read' as const, 'private_secret:read' as const] }
    expect(await updateAgent(registry.deps, author(['edge'], bob), id, change)).toMatchObject(refused)
    expect(await updateAgent(registry.deps, author(['edge'], ada), id, change)).toMatchObject({ ok: true })
  })

  test('makes them the owner of one that has it', async () => {
    const { id } = await agentOf(bob, ['private_secret:read'])
    expect(await updateAgent(registry.deps, author(['edge'], bob), id, { owner: ada })).toMatchObject(refused)
    expect(
      await updateAgent(registry.deps, author(['edge'], bob), id, { owner: ada, scopes: ['secret:read'] }),
    ).toMatchObject({ ok: true })
  })

  test('while changes that give nothing new stay free to whoever has the groups', async () => {
    const { id } = await agentOf(ada, ['private_secret:read'])
    expect(await updateAgent(registry.deps, author(['edge'], bob), id, { riskLevel: 'critical' })).toMatchObject({
      ok: true,
    })
  })

  test('is let read them by a token that they minted before it might', async () => {
    const { id } = await agentOf(ada, ['secret:read'])
    const change = { scopes: ['secret:read' as const, 'private_secret:read' as const] }
    const scopesBy = async (minter: string, reach: GroupReach) => {
      const { value } = valueOf(await mint(minter, reach, id))
      return async () => (await registry.stores.tokens.findStanding(bearerHash(value.expose())))?.effectiveScopes
    }
    const [adas, bobs, admins] = [
      await scopesBy(ada, ['edge']),
      await scopesBy(bob, ['edge']),
      await scopesBy(root, 'every'),
    ]
    valueOf(await updateAgent(registry.deps, author(['edge'], ada), id, change))
    expect(await adas()).toEqual(change.scopes)
    expect(await admins()).toEqual(change.scopes)
    expect(await bobs()).toEqual(['secret:read'])
    valueOf(await updateAgent(registry.deps, author(), id, { owner: bob }))
    expect(await adas()).toEqual(['secret:read'])
    expect(await bobs()).toEqual(change.scopes)
    valueOf(await updatePerson(registry.deps, author(), root, { disabled: true }))
    expect(await admins()).toEqual(['secret:read'])
  })
})
