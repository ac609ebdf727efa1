import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { EventDraft } from '../../../src/domain/audit/event.ts'
import { CallHistory, historyBounds } from '../../../src/domain/history/call-history.ts'
import { HistoryStore } from '../../../src/domain/history/history-store.ts'
import { ok } from '../../../src/kernel/result.ts'
import { type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

let registry: TestRegistry
let store: HistoryStore
let agentId: string
let agents = 0

beforeAll(async () => {
  registry = await testRegistry()
  store = new HistoryStore(registry.database.knex)
})

afterAll(() => registry.close())

beforeEach(() => {
  agentId = `agt_${++agents}`
  registry.events()
})

function read(name: string, over: Partial<EventDraft> = {}): EventDraft {
  return {
    type: 'AI_AGENT_POLICY_ALLOWED',
    agent: { id: agentId, name: agentId, owner: 'ada@example.com', riskLevel: 'low' },
    tool: 'certlocker_get_secret',
    resource: { type: 'secret', id: `sec_${name}`, name, groups: ['prod'], environment: 'production', version: 0 },
    outcome: 'allow',
    attempt: 1,
    ...over,
  }
}

async function append(...drafts: EventDraft[]): Promise<void> {
  valueOf(
    await registry.deps.inTransaction(async (work) => {
      for (const event of drafts) work.record({ event })
      return ok(undefined)
    }),
  )
}

describe('the call history on the audit log', () => {
  test('knows the last hour of an agent it is asked about for the first time', async () => {
    await append(read('past'))
    registry.now += 3_600_000
    await append(read('a'), read('a'), read('b'), read('guess', { type: 'AI_AGENT_POLICY_DENIED', outcome: 'deny' }), {
      ...read('a'),
      type: 'AI_AGENT_CALL_COMPLETED',
    })
    const { minute, hour } = await new CallHistory(store).of(agentId, registry.now)
    expect(minute).toEqual({ calls: 4, denials: 1, deniedNames: 1, distinctSecrets: 2, productionReads: 3 })
    expect(hour).toEqual(minute)
    expect((await new CallHistory(store).of('agt_nobody', registry.now)).hour.calls).toBe(0)
  })

  test('of two replicas is the same as soon as each has followed the other', async () => {
    const [ours, theirs] = [new CallHistory(store), new CallHistory(store)]
    await Promise.all([ours.of(agentId, registry.now), theirs.of(agentId, registry.now)])
    await append(read('a'))
    for (const event of registry.events()) ours.record(event)
    await append(read('b'))
    for (const event of registry.events()) theirs.record(event)
    const logSize = await store.logSize()
    await Promise.all([ours.follow(logSize), theirs.follow(logSize)])
    const both = await Promise.all([ours.of(agentId, registry.now), theirs.of(agentId, registry.now)])
    expect(both[0]).toEqual(both[1])
    expect(both[0]?.hour).toMatchObject({ calls: 2, distinctSecrets: 2 })
  })

  test('of an agent with more decisions than one load brings is complete', async () => {
    const count = historyBounds.eventsPerLoad + 5
    for (let start = 0; start < count; start += 500) {
      await append(...Array.from({ length: Math.min(500, count - start) }, (_, index) => read(`${start + index}`)))
    }
    const { hour } = await new CallHistory(store).of(agentId, registry.now)
    expect(hour.calls).toBe(count)
  })

  test('survives that others appended more than it follows', async () => {
    const history = new CallHistory({
      logSize: async () => 0,
      before: (...args) => store.before(...args),
      between: () => Promise.reject(new Error('too much to follow')),
    })
    await history.of(agentId, registry.now)
    await append(read('a'))
    await history.follow(historyBounds.eventsFollowedMax + 1_000_000)
    expect((await history.of(agentId, registry.now)).hour.calls).toBe(1)
  })
})
