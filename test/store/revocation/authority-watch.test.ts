import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Agent } from '../../../src/domain/agents/agent.ts'
import { suspendAgent } from '../../../src/domain/agents/suspend-agent.ts'
import { AuthorityStore } from '../../../src/domain/revocation/authority-store.ts'
import { AuthorityWatch } from '../../../src/domain/revocation/authority-watch.ts'
import { aGroup, anAgent, aPerson, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

let registry: TestRegistry
const running: AuthorityWatch[] = []

beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge')
  await aPerson(registry, 'ada', ['edge'])
})

afterEach(() => {
  for (const watch of running.splice(0)) watch.stop()
})

afterAll(() => registry.close())

/** What another replica knows: it shares the database and nothing else. */
function aReplica(polled: (logSize: number) => Promise<void> = async () => undefined): AuthorityWatch {
  const store = new AuthorityStore(registry.database.knex)
  const watch = new AuthorityWatch({
    read: (logSize) => store.read(logSize),
    polled,
    failed: () => undefined,
    monotonicMs: () => performance.now(),
  })
  running.push(watch)
  return watch
}

describe('a replica', () => {
  test('drops what it knows about an agent within the poll after another replica suspended it', async () => {
    const agent: Agent = await anAgent(registry, 'cursor-ops', 'ada@example.com', ['edge'])
    const watch = aReplica()
    watch.start()
    expect(await watch.fresh()).toBe(true)
    const standings = watch.cache<string | undefined>()
    const standing = () => standings.get(agent.id, async () => (await registry.stores.agents.find(agent.id))?.status)
    expect(await standing()).toBe('active')
    const suspendedAt = performance.now()
    valueOf(await suspendAgent(registry.deps, author(), agent.id, 'test'))
    await expect.poll(standing, { interval: 10, timeout: 1_000 }).toBe('suspended')
    expect(performance.now() - suspendedAt).toBeLessThan(1_000)
  })

  test('follows the clock of the database and the size of the log', async () => {
    const sizes: number[] = []
    const watch = aReplica(async (logSize) => {
      sizes.push(logSize)
    })
    watch.start()
    await expect.poll(() => sizes.length, { interval: 10 }).toBeGreaterThan(0)
    const { logSize, databaseNowMs } = await new AuthorityStore(registry.database.knex).read()
    expect(sizes.at(-1)).toBe(logSize)
    expect(Math.abs(watch.now() - databaseNowMs)).toBeLessThan(250)
    expect(await watch.check()).toMatchObject({ ok: true })
  })
})
