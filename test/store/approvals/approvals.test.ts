import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Agent } from '../../../src/domain/agents/agent.ts'
import { revokeAgent } from '../../../src/domain/agents/revoke-agent.ts'
import { approvalView } from '../../../src/domain/approvals/approval-view.ts'
import { expireApprovals } from '../../../src/domain/approvals/expire-approvals.ts'
import { approvalLimits, openApproval } from '../../../src/domain/approvals/open-approval.ts'
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

const resource = {
  type: 'secret',
  id: 'sec_1',
  name: 'prod-db',
  groups: ['prod'],
  environment: 'production',
  version: 3,
}
const requirement = { groups: ['prod'], roles: ['approver'], quorum: 1, useSeconds: 900 }
const common = { tool: 'certlocker_get_secret', requestId: 'req_1', resource }
const DECIDE_MS = 60_000

let registry: TestRegistry
let agent: Agent
let tokenId: string
let sessionId: string
let agents = 0

beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'prod')
  await aPerson(registry, 'ada', ['prod'])
})

afterAll(() => registry.close())

beforeEach(async () => {
  agent = await anAgent(registry, `agent-${++agents}`, 'ada@example.com', ['prod'])
  tokenId = (await aToken(registry, agent, ['prod'])).token.id
  sessionId = `ses_${agents}`
  await aSession(registry, agent, tokenId, sessionId)
  registry.events()
})

function open(callDigest = 'sha256:a') {
  const now = new Date(registry.now)
  return registry.deps.inTransaction((work) =>
    openApproval(work, {
      kind: 'call',
      agentId: agent.id,
      ownerId: agent.ownerId,
      tokenId,
      sessionId,
      callDigest,
      action: 'secret.read',
      tool: 'certlocker_get_secret',
      arguments: { name: 'prod-db', note: null },
      resource,
      groups: resource.groups,
      reason: '',
      reasons: [{ code: 'APPROVAL_PRODUCTION', title: 'Production needs approval' }],
      requirement,
      now,
      expiresAt: new Date(now.getTime() + DECIDE_MS),
      denialSeconds: 60,
      insufficientId: undefined,
      common,
    }),
  )
}

describe('a call that needs an approval', () => {
  test('opens one, which is on record and can be found as it was asked', async () => {
    const { approval, opened } = valueOf(await open())
    expect(opened).toBe(true)
    expect(registry.events()).toMatchObject([
      {
        type: 'APPROVAL_REQUESTED',
        tool: 'certlocker_get_secret',
        resource,
        requestId: 'req_1',
        details: {
          approvalId: approval.id,
          action: 'secret.read',
          callDigest: 'sha256:a',
          requirement,
          reasons: ['APPROVAL_PRODUCTION'],
        },
      },
    ])
    expect(await registry.stores.approvals.find(approval.id)).toEqual(approval)
    expect(approvalView(approval)).toMatchObject({
      status: 'pending',
      agent: agent.name,
      owner: 'ada@example.com',
      arguments: { name: 'prod-db', note: null },
      resource,
      groups: resource.groups,
      claimed: { reason: '' },
      reasons: [{ code: 'APPROVAL_PRODUCTION', title: 'Production needs approval' }],
    })
  })

  test('attaches to the pending one when it is repeated, also at the same time, and records that once', async () => {
    const both = await Promise.all([open(), open(), open()])
    expect(new Set(both.map((result) => valueOf(result).approval.id)).size).toBe(1)
    expect(both.filter((result) => valueOf(result).opened)).toHaveLength(1)
    expect(registry.events()).toHaveLength(1)
    expect(valueOf(await open('sha256:b')).opened).toBe(true)
  })

  test('waits anew when nobody decided in time: not a millisecond earlier', async () => {
    const first = valueOf(await open()).approval
    registry.now += DECIDE_MS - 1
    expect(valueOf(await open())).toMatchObject({ opened: false, approval: { id: first.id } })
    registry.events()
    registry.now += 1
    const second = valueOf(await open())
    expect(second.opened).toBe(true)
    expect(second.approval.id).not.toBe(first.id)
    expect(await registry.stores.approvals.find(first.id)).toMatchObject({ status: 'expired' })
    expect(registry.events()).toMatchObject([
      {
        type: 'APPROVAL_EXPIRED',
        actor: { kind: 'system' },
        agent: { name: agent.name },
        details: { approvalId: first.id },
      },
      { type: 'APPROVAL_REQUESTED', details: { approvalId: second.approval.id } },
    ])
  })

  test('is refused when the agent has opened 20 within 10 minutes, also at once, until the first is 10 minutes old', async () => {
    const tries = Array.from({ length: approvalLimits.openedMax + 3 }, (_, index) => open(`sha256:${index}`))
    const results = await Promise.all(tries)
    const refused = results.filter((result) => !result.ok)
    expect(refused).toHaveLength(3)
    expect(refused[0]).toMatchObject({ error: { code: 'APPROVAL_LIMIT' } })
    expect(registry.events()).toHaveLength(approvalLimits.openedMax)
    registry.now += approvalLimits.withinSeconds * 1000 - 1
    expect(await open('sha256:next')).toMatchObject({ error: { code: 'APPROVAL_LIMIT' } })
    registry.now += 1
    expect(valueOf(await open('sha256:next')).opened).toBe(true)
  })

  test('that is pending still attaches beyond that limit', async () => {
    for (let index = 0; index < approvalLimits.openedMax; index++) valueOf(await open(`sha256:${index}`))
    expect(valueOf(await open('sha256:0')).opened).toBe(false)
  })

  test('is refused when the agent was stopped meanwhile', async () => {
    await revokeAgent(registry.deps, author(), agent.id, 'test')
    expect(await open()).toMatchObject({ error: { code: 'GATEWAY_REVOKED' } })
  })
})

describe('pending approvals', () => {
  test('are cancelled with their agent, once', async () => {
    const { approval } = valueOf(await open())
    registry.events()
    await revokeAgent(registry.deps, author(), agent.id, 'test')
    expect(await registry.stores.approvals.find(approval.id)).toMatchObject({ status: 'cancelled' })
    const cancelled = registry.events().filter(({ type }) => type === 'APPROVAL_CANCELLED')
    expect(cancelled).toMatchObject([
      { actor: { kind: 'person' }, tool: 'certlocker_get_secret', details: { approvalId: approval.id } },
    ])
    expect(await registry.stores.approvals.cancelLive({ tokenChainId: tokenId })).toEqual([])
  })

  test('are ended by the job when nobody decided in time, each once although two replicas run it', async () => {
    const first = valueOf(await open()).approval
    registry.now += 1
    const second = valueOf(await open('sha256:b')).approval
    registry.events()
    registry.now = first.expiresAt.getTime()
    const both = await Promise.all([expireApprovals(registry.deps), expireApprovals(registry.deps)])
    expect(both.map(valueOf).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(1)
    const own = registry.events().filter(({ agent: of }) => of?.id === agent.id)
    expect(own).toMatchObject([{ type: 'APPROVAL_EXPIRED', details: { approvalId: first.id } }])
    expect(await registry.stores.approvals.find(second.id)).toMatchObject({ status: 'pending' })
  })
})

describe('the list of approvals', () => {
  test('comes in pages, by status, agent and the groups of the resource', async () => {
    const { approval } = valueOf(await open())
    const page = { limit: 10, order: 'desc' } as const
    const list = async (filter: Parameters<typeof registry.stores.approvals.list>[0]) =>
      valueOf(await registry.stores.approvals.list(filter, page)).items.map(({ id }) => id)
    expect(await list({ status: 'pending', agent: agent.name, groups: ['edge', 'prod'] })).toEqual([approval.id])
    expect(await list({ agent: agent.id, groups: ['edge'] })).toEqual([])
    expect(await list({ agent: agent.id, status: 'approved' })).toEqual([])
  })
})
