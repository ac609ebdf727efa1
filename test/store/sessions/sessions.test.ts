import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { transaction } from '../../../src/adapters/postgres/transaction.ts'
import type { Agent } from '../../../src/domain/agents/agent.ts'
import { suspendAgent } from '../../../src/domain/agents/suspend-agent.ts'
import { endIdleSessions, idleSessionsPerBatch } from '../../../src/domain/sessions/end-idle-sessions.ts'
import { endSession } from '../../../src/domain/sessions/end-session.ts'
import type { Session } from '../../../src/domain/sessions/session.ts'
import { SessionStore } from '../../../src/domain/sessions/session-store.ts'
import { sessionLimits, type SessionStart, startSession } from '../../../src/domain/sessions/start-session.ts'
import { revokeToken } from '../../../src/domain/tokens/revoke-token.ts'
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

const request = { requestId: 'req_1', traceparent: null }
const page = { limit: 50, order: 'asc' } as const

let registry: TestRegistry
let agent: Agent
let tokenId: string
let agents = 0

beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge')
  await aPerson(registry, 'ada', ['edge'])
})

afterAll(() => registry.close())

beforeEach(async () => {
  agent = await anAgent(registry, `agent-${++agents}`, 'ada@example.com', ['edge'])
  tokenId = (await aToken(registry, agent, ['edge'])).token.id
  registry.events()
})

function start(over: Partial<SessionStart> = {}) {
  const deps = { ...registry.deps, sessions: registry.stores.sessions }
  return startSession(
    deps,
    {
      agent,
      tokenId,
      transport: 'handshake',
      client: { ip: '10.0.0.7', name: 'cursor', version: '1.2' },
      protocolVersion: '2025-11-25',
      launcher: { name: 'ada', verified: true },
      ...over,
    },
    request,
  )
}

async function started(over: Partial<SessionStart> = {}): Promise<Session> {
  const session = valueOf(await start(over))
  registry.events()
  return session
}

describe('a session that starts', () => {
  test('is on record with its agent, token, client, launcher and protocol', async () => {
    const session = valueOf(await start())
    expect(session).toMatchObject({
      status: 'active',
      agent: { name: agent.name, owner: 'ada@example.com' },
      endedAt: null,
    })
    expect(registry.events()).toMatchObject([
      {
        type: 'AI_AGENT_SESSION_STARTED',
        actor: { kind: 'agent', id: agent.id, name: agent.name },
        agent: { id: agent.id, name: agent.name, owner: 'ada@example.com', riskLevel: 'medium' },
        tokenId,
        sessionId: session.id,
        client: { ip: '10.0.0.7', name: 'cursor', version: '1.2' },
        launcher: { name: 'ada', verified: true },
        requestId: 'req_1',
        details: { transport: 'handshake', protocolVersion: '2025-11-25' },
      },
    ])
    expect(await registry.stores.sessions.findActive(session.id)).toEqual(session)
  })

  test('by a handshake is always a new one', async () => {
    expect((await started()).id).not.toBe((await started()).id)
  })

  test('is refused when the agent was suspended after it was authenticated', async () => {
    await suspendAgent(registry.deps, author(), agent.id, 'test')
    registry.events()
    expect(await start()).toMatchObject({ ok: false, error: { code: 'UNAUTHENTICATED' } })
    expect(registry.events()).toEqual([])
    expect(valueOf(await registry.stores.sessions.list({ agent: agent.id }, page)).items).toEqual([])
  })

  test('is refused when its token was revoked after it was authenticated', async () => {
    await revokeToken(registry.deps, author(), tokenId)
    expect(await start({ transport: 'stateless' })).toMatchObject({ ok: false, error: { code: 'UNAUTHENTICATED' } })
  })

  test('while its agent is being suspended is refused or ended: none is left over', async () => {
    await Promise.all([
      ...Array.from({ length: 6 }, () => start()),
      suspendAgent(registry.deps, author(), agent.id, 'test'),
      ...Array.from({ length: 6 }, () => start()),
    ])
    expect(valueOf(await registry.stores.sessions.list({ agent: agent.id, status: 'active' }, page)).items).toEqual([])
  })
})

describe('a token', () => {
  const { activePerTokenMax } = sessionLimits

  /** Starts so many sessions as rows: how each of them starts is not what these tests are about. */
  async function fill(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await aSession(registry, agent, tokenId, `ses_${agents}n${index}`)
  }

  test('has so many active sessions and not one more, whatever their kind and however many start at once', async () => {
    await fill(activePerTokenMax - 3)
    const elsewhere = { ip: '10.0.0.8', name: 'cursor', version: '1.2' }
    const starts = await Promise.all([
      ...Array.from({ length: 6 }, () => start()),
      start({ transport: 'stateless', client: elsewhere }),
    ])
    const refused = starts.flatMap((result) => (result.ok ? [] : [result.error.code]))
    expect(refused).toEqual(['SESSION_LIMIT', 'SESSION_LIMIT', 'SESSION_LIMIT', 'SESSION_LIMIT'])
    expect(registry.events()).toHaveLength(3)
  })

  test('that is full keeps the session of a stateless client that comes again', async () => {
    const first = await started({ transport: 'stateless' })
    await fill(activePerTokenMax - 1)
    expect(await start()).toMatchObject({ error: { code: 'SESSION_LIMIT' } })
    expect((await started({ transport: 'stateless' })).id).toBe(first.id)
  })

  test('that is full may start another once one has ended, and does not count for other tokens', async () => {
    await fill(activePerTokenMax)
    const other = (await aToken(registry, agent, ['edge'], 'other')).token.id
    valueOf(await start({ tokenId: other }))
    expect(await start()).toMatchObject({ error: { code: 'SESSION_LIMIT' } })
    valueOf(await endSession(registry.deps, author(), `ses_${agents}n7`, 'closed'))
    valueOf(await start())
  })
})

describe('a stateless client', () => {
  test('keeps its session from call to call, and has another on another address or in another version', async () => {
    const transport = 'stateless' as const
    const client = { ip: '10.0.0.7', name: 'cursor', version: '1.2' }
    const first = await started({ transport, client })
    expect((await started({ transport, client })).id).toBe(first.id)
    expect((await started({ transport, client: { ...client, ip: '10.0.0.8' } })).id).not.toBe(first.id)
    expect((await started({ transport, client: { ...client, version: '1.3' } })).id).not.toBe(first.id)
  })

  test('has one session, and one event, however many of its calls arrive at once', async () => {
    const sessions = await Promise.all(Array.from({ length: 12 }, () => start({ transport: 'stateless' })))
    expect(new Set(sessions.map((session) => valueOf(session).id)).size).toBe(1)
    expect(registry.events()).toHaveLength(1)
  })

  test('gets a new session after the old one ended', async () => {
    const first = await started({ transport: 'stateless' })
    valueOf(await endSession(registry.deps, author(), first.id, 'admin'))
    expect((await started({ transport: 'stateless' })).id).not.toBe(first.id)
  })
})

describe('ending a session', () => {
  test('is on record with who did it, and with the client of the session, and advances the authority epoch', async () => {
    const session = await started()
    const epoch = await registry.epoch()
    registry.now += 1_000
    const ended = valueOf(await endSession(registry.deps, author(), session.id, 'admin'))
    expect(ended).toMatchObject({ status: 'ended', endReason: 'admin', endedAt: new Date(registry.now) })
    expect(registry.events()).toMatchObject([
      {
        type: 'AI_AGENT_SESSION_ENDED',
        actor: { kind: 'person' },
        agent: { name: agent.name, owner: 'ada@example.com', riskLevel: 'medium' },
        sessionId: session.id,
        client: { ip: '10.0.0.7' },
        details: { endReason: 'admin', protocolVersion: '2025-11-25' },
      },
    ])
    expect(await registry.epoch()).toBe(epoch + 1)
    expect(await registry.stores.sessions.findActive(session.id)).toBeUndefined()
    expect(await registry.stores.sessions.find(session.id)).toEqual(ended)
  })

  test('by its own client, or because nobody used it, leaves the authority epoch where it is', async () => {
    const [closed, idle] = [await started(), await started()]
    const epoch = await registry.epoch()
    valueOf(await endSession(registry.deps, author(), closed.id, 'closed'))
    registry.now += 1_000
    valueOf(await endIdleSessions(registry.deps, 1))
    expect(await registry.stores.sessions.find(idle.id)).toMatchObject({ endReason: 'idle' })
    expect(await registry.epoch()).toBe(epoch)
  })

  test('twice, or one that never was, is refused', async () => {
    const session = await started()
    valueOf(await endSession(registry.deps, author(), session.id, 'closed'))
    expect(await endSession(registry.deps, author(), session.id, 'closed')).toMatchObject({
      error: { code: 'STATE_CONFLICT' },
    })
    expect(await endSession(registry.deps, author(), 'ses_none', 'closed')).toMatchObject({
      error: { code: 'NOT_FOUND' },
    })
  })

  test('happens to all sessions of a suspended agent, once each, and to no other', async () => {
    const other = await anAgent(registry, `agent-${++agents}`, 'ada@example.com', ['edge'])
    const otherToken = (await aToken(registry, other, ['edge'])).token.id
    const kept = await started({ agent: other, tokenId: otherToken })
    const ids = [(await started()).id, (await started()).id].sort()
    await suspendAgent(registry.deps, author(), agent.id, 'test')
    const ended = registry.events().filter(({ type }) => type === 'AI_AGENT_SESSION_ENDED')
    expect(ended.map(({ sessionId }) => sessionId).sort()).toEqual(ids)
    expect(ended).toMatchObject([{ details: { endReason: 'suspended' } }, { details: { endReason: 'suspended' } }])
    expect(await registry.stores.sessions.findActive(kept.id)).toBeDefined()
  })
})

describe('the idle job', () => {
  test('ends what was last seen exactly idleSeconds ago or earlier, and leaves the rest', async () => {
    const idle = await started()
    const busy = await started()
    registry.now += 900_000
    await registry.stores.sessions.touch([{ id: busy.id, at: new Date(registry.now - 899_999) }])
    expect(valueOf(await endIdleSessions(registry.deps, 900))).toBeGreaterThanOrEqual(1)
    expect(await registry.stores.sessions.find(idle.id)).toMatchObject({ status: 'ended', endReason: 'idle' })
    expect(await registry.stores.sessions.findActive(busy.id)).toBeDefined()
    const own = registry.events().filter(({ sessionId }) => sessionId === idle.id)
    expect(own).toMatchObject([
      { actor: { kind: 'system', name: 'end-idle-sessions' }, details: { endReason: 'idle' } },
    ])
  })

  test('ends more than one batch, and each session once although two replicas run it', async () => {
    await endIdleSessions(registry.deps, 0)
    registry.events()
    const count = idleSessionsPerBatch + 7
    for (let index = 0; index < count; index++) {
      await registry.stores.sessions.start({
        id: `ses_${agents}x${index}`,
        agentId: agent.id,
        tokenId,
        transport: 'handshake',
        client: { ip: '10.0.0.7', name: 'cursor', version: '1' },
        protocolVersion: '2025-11-25',
        launcher: null,
        startedAt: new Date(registry.now),
      })
    }
    registry.now += 1_000
    const both = await Promise.all([endIdleSessions(registry.deps, 1), endIdleSessions(registry.deps, 1)])
    expect(both.map(valueOf).reduce((sum, ended) => sum + ended)).toBe(count)
    expect(registry.events()).toHaveLength(count)
  })
})

describe('touching sessions', () => {
  test('moves them forward, never back, and leaves ended ones alone', async () => {
    const [session, ended] = [await started(), await started()]
    valueOf(await endSession(registry.deps, author(), ended.id, 'closed'))
    const later = new Date(registry.now + 5_000)
    await registry.stores.sessions.touch([
      { id: session.id, at: later },
      { id: ended.id, at: later },
    ])
    await registry.stores.sessions.touch([{ id: session.id, at: new Date(registry.now + 1) }])
    expect(await registry.stores.sessions.find(session.id)).toMatchObject({ lastSeenAt: later })
    expect(await registry.stores.sessions.find(ended.id)).toMatchObject({ lastSeenAt: ended.lastSeenAt })
  })

  test('does not wait for a session that another transaction is ending', async () => {
    const [held, free] = [await started(), await started()]
    const later = new Date(registry.now + 5_000)
    await transaction(registry.database.knex, async (trx) => {
      await new SessionStore(trx).findForUpdate(held.id)
      await registry.stores.sessions.touch([
        { id: held.id, at: later },
        { id: free.id, at: later },
      ])
    })
    expect(await registry.stores.sessions.find(free.id)).toMatchObject({ lastSeenAt: later })
    expect(await registry.stores.sessions.find(held.id)).toMatchObject({ lastSeenAt: held.lastSeenAt })
  })
})

describe('the list of sessions', () => {
  test('comes in pages, by agent name, status and group', async () => {
    const ids: string[] = []
    for (let index = 0; index < 3; index++) {
      registry.now += 1
      ids.push((await started()).id)
    }
    valueOf(await endSession(registry.deps, author(), ids[2] ?? '', 'closed'))
    const filter = { agent: agent.name, status: 'active', groups: ['edge'] } as const
    const first = valueOf(await registry.stores.sessions.list(filter, { limit: 1, order: 'desc' }))
    expect(first.items.map(({ id }) => id)).toEqual([ids[1]])
    const second = valueOf(
      await registry.stores.sessions.list(filter, { limit: 1, order: 'desc', cursor: first.nextCursor ?? '' }),
    )
    expect(second).toMatchObject({ items: [{ id: ids[0] }], nextCursor: null })
    expect(valueOf(await registry.stores.sessions.list({ ...filter, groups: ['other'] }, page)).items).toEqual([])
  })
})
