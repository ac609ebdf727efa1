import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts'
import { transaction } from '../../../src/adapters/postgres/transaction.ts'
import { suspendAgent } from '../../../src/domain/agents/suspend-agent.ts'
import type { Agent } from '../../../src/domain/agents/agent.ts'
import { ApprovalWatch } from '../../../src/domain/approvals/approval-watch.ts'
import type { AuditEvent } from '../../../src/domain/audit/event.ts'
import type { PostgresAuditLog } from '../../../src/domain/audit/postgres-audit-log.ts'
import { updateGroup } from '../../../src/domain/groups/update-group.ts'
import { CallHistory } from '../../../src/domain/history/call-history.ts'
import { HistoryStore } from '../../../src/domain/history/history-store.ts'
import { AuthorityStore } from '../../../src/domain/revocation/authority-store.ts'
import { AuthorityWatch } from '../../../src/domain/revocation/authority-watch.ts'
import { deleteSecret } from '../../../src/domain/secrets/delete-secret.ts'
import type { SecretDraft } from '../../../src/domain/secrets/secret.ts'
import { updateSecret } from '../../../src/domain/secrets/update-secret.ts'
import { endSession } from '../../../src/domain/sessions/end-session.ts'
import { revokeToken } from '../../../src/domain/tokens/revoke-token.ts'
import { createInTransaction } from '../../../src/domain/work.ts'
import { createGuard, type Guard } from '../../../src/gateway/guard.ts'
import { LiveWork } from '../../../src/gateway/live-work.ts'
import { ReleasedValues } from '../../../src/gateway/released-values.ts'
import { defineTool } from '../../../src/gateway/tool.ts'
import { fault } from '../../../src/kernel/fault.ts'
import { ok } from '../../../src/kernel/result.ts'
import { readBundle } from '../../../src/policy/bundle.ts'
import { createPolicyEngine } from '../../../src/policy/wasm-policy-engine.ts'
import { auditLogOn } from '../../support/audit.ts'
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
import { silentLog } from '../../support/silent-log.ts'

const by = author()
const policy = createPolicyEngine()

let registry: TestRegistry
let auditLog: PostgresAuditLog
let events: AuditEvent[]
let authority: AuthorityWatch
let agent: Agent
let tokenId: string
let sessionId: string
let name: string
let cases = 0
/** What another replica does after this one has identified the resource, and what it does while the effect runs. */
let afterIdentify: () => Promise<unknown>
let duringEffect: () => Promise<unknown>
let effects: number
let deniedNames: string[]

const registered = { kind: 'shared', ownerId: null, type: 'password', description: '', disclosure: 'raw' } as const

beforeAll(async () => {
  const bundle = readBundle(await readFile(new URL('../../../bundles/certlocker.tar.gz', import.meta.url)))
  expect(bundle.ok && policy.activate(bundle.value).ok).toBe(true)
  registry = await testRegistry()
  registry.now = Date.now()
  await aGroup(registry, 'prod')
  await aGroup(registry, 'other', 'staging')
  await aPerson(registry, 'ada', ['prod', 'other'], 'admin')
})
afterAll(() => registry.close())

beforeEach(async () => {
  cases += 1
  const group = `team-${cases}`
  await aGroup(registry, group, 'staging')
  name = `password-${cases}`
  sessionId = `ses_${cases}`
  agent = await anAgent(registry, `agent-${cases}`, 'ada@example.com', [group, 'other', 'prod'])
  tokenId = (await aToken(registry, agent, [group, 'prod'])).token.id
  await aSession(registry, agent, tokenId, sessionId)
  await aSecret(name, group)
  effects = 0
  deniedNames = []
  events = []
  afterIdentify = async () => undefined
  duringEffect = async () => undefined
  const store = new AuthorityStore(registry.database.knex)
  authority = new AuthorityWatch({
    read: (logSize) => store.read(logSize),
    polled: async () => undefined,
    failed: () => undefined,
    monotonicMs: () => performance.now(),
  })
  auditLog = auditLogOn(registry.database, [
    {
      appended: (appended) => void events.push(...appended),
      authority: (epoch, nowMs) => authority.observe(epoch, nowMs),
    },
  ])
})
afterEach(() => auditLog.close())

async function aSecret(secretName: string, group: string): Promise<void> {
  const id = `sec_${secretName}`
  const createdAt = new Date(registry.now)
  const secret: SecretDraft = {
    ...registered,
    id,
    name: secretName,
    groups: [group],
    currentVersion: 0,
    createdAt,
    createdBy: 'per_0',
  }
  await registry.stores.secrets.insert(secret)
}

const tool = defineTool<{ name: string }, { value: string }>({
  name: 'certlocker_get_secret',
  title: 'Read',
  description: 'Read',
  action: 'secret.read',
  scopes: ['secret:read'],
  readOnly: true,
  arguments: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  result: { type: 'object', properties: { value: { type: 'string' } }, required: ['value'] },
  resource: (args) => ({ type: 'secret', name: args.name }),
  run: async () => {
    effects += 1
    await duringEffect()
    return ok({ value: 'hunter2-hunter2' })
  },
})

/** The guard of a replica that polls nothing: what others do, it hears with its own appends alone. */
function aGuard(): Guard {
  const { knex } = registry.database
  const { stores } = registry
  return createGuard({
    history: new CallHistory(new HistoryStore(knex)),
    clock: authority,
    timeZone: 'UTC',
    hmacKey: Buffer.alloc(32),
    policy,
    auditLog,
    inTransaction: createInTransaction({
      transact: (body) => transaction(knex, body),
      auditLog,
      now: () => new Date(authority.now()),
    }),
    authority,
    standingOf: (token, session) => stores.tokens.standingOf(token, session),
    directory: {
      secret: async (_, secretName) => {
        const secret = await stores.secrets.findByName(secretName)
        await afterIdentify()
        afterIdentify = async () => undefined
        return secret
      },
      host: (hostName) => stores.hosts.find(hostName),
      sshSession: (_, id) => stores.sshSessions.find(id),
      certificate: (certificateName) => stores.certificates.findByName(certificateName),
      certificateOf: (domains, group) => stores.certificates.findByDomains(domains, group),
      group: (groupName) => stores.groups.find(groupName),
      denied: (_, secretName) => void deniedNames.push(secretName),
    },
    identifyProbe: async (_, { name }) => ({ type: 'probe', name, probe: undefined }),
    released: new ReleasedValues(),
    live: new LiveWork(),
    suspendByPolicy: async () => undefined,
    denials: 'explain',
    approvalDecideSeconds: 3600,
    approvalUseSeconds: 900,
    approvalHoldSeconds: 0,
    approvals: stores.approvals,
    people: stores.people,
    approvalWatch: new ApprovalWatch({
      statusesOf: (ids) => stores.approvals.statusesOf(ids),
      failed: () => undefined,
    }),
    meter: createMetrics({
      auditQueueLength: () => 0,
      poolConnections: () => ({ used: 0, free: 0, waiting: 0 }),
      activeSessions: async () => 0,
    }).calls,
    log: silentLog,
    faultOf: (cause) => fault('INTERNAL', { cause }),
  })
}

async function call(secretName = name) {
  expect(await authority.fresh()).toBe(true)
  const epoch = authority.epoch()
  const standing = await registry.stores.tokens.standingOf(tokenId, sessionId)
  if (standing === undefined) throw new Error('the token does not stand')
  const caller = {
    standing,
    epoch,
    session: { id: sessionId, startedAtMs: registry.now, launcher: null },
    client: { name: 'cursor', version: '1', protocol: '2025-11-25' },
    request: { id: 'req_1', traceparent: null, clientIp: '127.0.0.1' },
  }
  return aGuard().call(
    caller,
    tool,
    { arguments: { name: secretName }, idempotencyKey: undefined },
    new AbortController().signal,
  )
}

const recorded = () => events.map(({ type, code }) => (code === null ? type : `${type} ${code}`))
const endByAdmin = async () => valueOf(await endSession(registry.deps, by, sessionId, 'admin'))

test('a call during which nothing changes is released, with one outcome', async () => {
  expect(await call()).toMatchObject({ status: 'ok', result: { value: 'hunter2-hunter2' } })
  expect(recorded()).toEqual(['AI_AGENT_POLICY_ALLOWED', 'AI_AGENT_CALL_COMPLETED'])
})

test('a denied name is told to the directory, whether it exists or not, and an allowed one is not', async () => {
  await aSecret(`other-${name}`, 'other')
  await call()
  expect(deniedNames).toEqual([])
  for (const refused of [`other-${name}`, 'no-such-name'])
    expect(await call(refused)).toMatchObject({ status: 'denied' })
  expect(deniedNames).toEqual([`other-${name}`, 'no-such-name'])
})

describe('a secret that changes on another replica after it was identified', () => {
  const groupOf = () => `team-${cases}`

  test.each([
    ['is moved to other groups', () => updateSecret(registry.deps, by, name, { groups: ['other'] })],
    ['gets a further group', () => updateSecret(registry.deps, by, name, { groups: [groupOf(), 'prod'] })],
    ['may only be used from then on', () => updateSecret(registry.deps, by, name, { disclosure: 'use_only' })],
    ['is of production all at once', () => updateGroup(registry.deps, by, groupOf(), { environment: 'production' })],
    ['is deleted', () => deleteSecret(registry.deps, by, name)],
    [
      'is deleted and made anew',
      async () => {
        const deleted = await deleteSecret(registry.deps, by, name)
        await registry.stores.secrets.insert({
          ...registered,
          id: `sec_anew_${cases}`,
          name,
          groups: [groupOf()],
          currentVersion: 0,
          createdAt: new Date(),
          createdBy: 'per_0',
        })
        return deleted
      },
    ],
  ])('and %s has no effect', async (_, change) => {
    afterIdentify = async () => valueOf<unknown>(await change())
    expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_RESOURCE_CHANGED' })
    expect(effects).toBe(0)
    expect(recorded()).toEqual(['AI_AGENT_POLICY_ALLOWED', 'AI_AGENT_CALL_FAILED GATEWAY_RESOURCE_CHANGED'])
  })

  test('and has only another description is read all the same', async () => {
    afterIdentify = async () => valueOf(await updateSecret(registry.deps, by, name, { description: 'new' }))
    expect(await call()).toMatchObject({ status: 'ok' })
  })

  test('while it is being read is not released', async () => {
    duringEffect = async () => valueOf(await updateSecret(registry.deps, by, name, { groups: ['other'] }))
    expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_RESOURCE_CHANGED' })
    expect(recorded().at(-1)).toBe('AI_AGENT_CALL_FAILED GATEWAY_RESOURCE_CHANGED')
  })
})

describe('a session that an admin ends on another replica', () => {
  test('after the call was let in has no effect any more', async () => {
    afterIdentify = endByAdmin
    expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
    expect(effects).toBe(0)
    expect(recorded()).toEqual(['AI_AGENT_POLICY_ALLOWED', 'AI_AGENT_CALL_FAILED GATEWAY_REVOKED'])
  })

  test('while the effect runs gets no result, although this replica has heard of it only with its last append', async () => {
    duringEffect = endByAdmin
    expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
    expect(recorded().at(-1)).toBe('AI_AGENT_CALL_FAILED GATEWAY_REVOKED')
  })

  test('while the effect runs has one outcome when this replica hears of it before', async () => {
    duringEffect = async () => {
      await endByAdmin()
      const { epoch, databaseNowMs } = await new AuthorityStore(registry.database.knex).read()
      authority.observe(epoch, databaseNowMs)
    }
    expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
    expect(recorded()).toEqual(['AI_AGENT_POLICY_ALLOWED', 'AI_AGENT_CALL_FAILED GATEWAY_REVOKED'])
  })
})

test('a session that its own client ends while the effect runs gets no result once this replica has heard of it', async () => {
  duringEffect = async () => {
    valueOf(await endSession(registry.deps, by, sessionId, 'closed'))
    authority.sessionEnded(sessionId)
  }
  expect(await call()).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
})

describe('a call that needs an approval', () => {
  beforeEach(async () => {
    await registry.database.knex('agents').where({ id: agent.id }).update({ risk_level: 'low' })
    await aSecret(`prod-${name}`, 'prod')
  })
  const pending = async () => (await registry.database.knex('approvals').where({ session_id: sessionId })).length

  test('opens one', async () => {
    expect(await call(`prod-${name}`)).toMatchObject({ status: 'approval_required' })
    expect(await pending()).toBe(1)
  })

  test.each([
    ['session was ended', endByAdmin],
    ['token was revoked', () => revokeToken(registry.deps, by, tokenId)],
    ['agent was suspended', () => suspendAgent(registry.deps, by, agent.id, 'stop')],
  ])('opens none when its %s on another replica meanwhile', async (_, stop) => {
    afterIdentify = stop
    expect(await call(`prod-${name}`)).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
    expect(await pending()).toBe(0)
    expect(recorded()).toEqual(['AI_AGENT_APPROVAL_REQUIRED GATEWAY_REVOKED', 'AI_AGENT_CALL_FAILED GATEWAY_REVOKED'])
  })

  test('attaches to none when its session was ended meanwhile', async () => {
    expect(await call(`prod-${name}`)).toMatchObject({ status: 'approval_required' })
    afterIdentify = endByAdmin
    expect(await call(`prod-${name}`)).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
  })
})
