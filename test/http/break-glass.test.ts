import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transaction } from '../../src/adapters/postgres/transaction.ts'
import { createAgent } from '../../src/domain/agents/create-agent.ts'
import { AuditProofs } from '../../src/domain/audit/audit-proofs.ts'
import { AuditStore } from '../../src/domain/audit/audit-store.ts'
import { ExposureStore } from '../../src/domain/audit/exposure-store.ts'
import { CallHistory } from '../../src/domain/history/call-history.ts'
import { HistoryStore } from '../../src/domain/history/history-store.ts'
import { createSimulation } from '../../src/gateway/access/simulation.ts'
import { systemAuthor } from '../../src/domain/audit/author.ts'
import { createPerson } from '../../src/domain/people/create-person.ts'
import { bindStores } from '../../src/domain/stores.ts'
import { createInTransaction } from '../../src/domain/work.ts'
import { createAct } from '../../src/gateway/act.ts'
import { PolicyBundles } from '../../src/gateway/bundles/policy-bundles.ts'
import { PolicyQuestions } from '../../src/gateway/bundles/policy-questions.ts'
import type { OperatorCaller } from '../../src/gateway/caller.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { fault } from '../../src/kernel/fault.ts'
import { err } from '../../src/kernel/result.ts'
import type { Role } from '../../src/kernel/vocabulary.ts'
import { createPolicyEngine } from '../../src/policy/wasm-policy-engine.ts'
import type { RestDeps } from '../../src/transport/rest/rest-deps.ts'
import { routes } from '../../src/transport/rest/routes.ts'
import { must, type TestLog, testLog } from '../support/audit.ts'

let log: TestLog
let deps: RestDeps

/** Everything is real but for the policy, which was never activated: its answer to everything is deny. */
beforeAll(async () => {
  log = await testLog()
  const { knex } = log.database
  const stores = bindStores(knex)
  const clock = systemClock
  const inTransaction = createInTransaction({
    transact: (body) => transaction(knex, body),
    auditLog: log.log,
    now: () => new Date(),
  })
  const policy = createPolicyEngine()
  const operators = { policy, clock, timeZone: 'UTC', groupNames: async () => [] }
  const history = new CallHistory(new HistoryStore(knex))
  const unavailable = async () => err(fault('SECRET_STORE_UNAVAILABLE'))
  const source = {
    kind: 'sealed-box' as const,
    write: unavailable,
    read: unavailable,
    adopt: unavailable,
    check: async () => ({ ok: false, detail: '' }),
  }
  const ordering = { inTransaction, source, clock, certificates: stores.certificates, orders: stores.orders }
  deps = {
    act: createAct({ ...operators, auditLog: log.log }),
    simulation: createSimulation({ ...operators, history, hmacKey: Buffer.alloc(32) }),
    signer: { publicKey: unavailable },
    recordingsDir: '/nonexistent',
    catalog: { tools: [], toolsOn: { certificate: [], host: [], probe: [], probe_target: [], secret: [] } },
    stores,
    inTransaction,
    clock,
    prober: { locate: async () => ({ addresses: [], ipClass: 'unresolved' }), probe: async () => [] },
    certificateNames: { fingerprintOf: async () => undefined },
    approvalUseSeconds: 900,
    policy,
    bundles: new PolicyBundles({
      engine: policy,
      stores,
      inTransaction,
      clock,
      rules: { keys: [], scope: undefined, requireSignature: undefined, shippedDigests: new Set() },
      impactDecisions: 0,
      wideningBudget: 0,
    }),
    policyQuestions: new PolicyQuestions({ engine: policy, stores }),
    source,
    ordering: { ...ordering, authorities: new Map(), running: { start: () => undefined } },
    audit: {
      store: new AuditStore(knex),
      exposures: new ExposureStore(knex),
      proofs: new AuditProofs(knex, log.checkpointer),
      verify: () => log.verify(),
      export: unavailable,
      publicPem: log.key.publicPem,
    },
    mcpUrl: () => 'http://127.0.0.1/rest/mcp',
    hmacKey: Buffer.alloc(32),
  }
  const by = { ...systemAuthor('test'), groups: 'every' as const }
  must(
    await createPerson({ inTransaction, clock }, by, {
      email: 'ana@example.com',
      name: 'Ana',
      role: 'operator',
      groups: [],
    }),
  )
  must(
    await createAgent({ inTransaction, clock }, by, {
      name: 'bot',
      owner: 'ana@example.com',
      riskLevel: 'low',
      scopes: [],
      groups: [],
    }),
  )
})
afterAll(() => log.close())

async function asked(
  role: Role,
  routeId: string,
  { id = '', body = {}, query = {} }: { id?: string; body?: object; query?: object } = {},
) {
  const caller: OperatorCaller = {
    kind: 'person',
    id: 'per_1',
    name: `${role}@example.com`,
    role,
    groups: role === 'admin' ? 'every' : [],
    request: { id: 'req_1', traceparent: null, clientIp: '192.0.2.1' },
  }
  const route = routes.find((each) => each.id === routeId)
  if (route === undefined) throw new Error(`no route ${routeId}`)
  return route.answer(deps, caller, { id, query, body, bytes: Buffer.alloc(0) })
}

const denied = { ok: false, error: { kind: 'denied', code: 'GATEWAY_POLICY_UNAVAILABLE' } }

describe('without a policy', () => {
  test('an admin still stops an agent, on record as break-glass', async () => {
    expect(await asked('admin', 'suspendAgent', { id: 'bot', body: { reason: 'odd' } })).toMatchObject({
      ok: true,
      value: { status: 'suspended' },
    })
    const { items } = must(
      await deps.audit.store.list({ filters: { type: 'AGENT_SUSPENDED' }, limit: 1, order: 'desc' }),
    )
    expect(items[0]).toMatchObject({
      actor: { name: 'admin@example.com' },
      details: { breakGlass: true, reason: 'odd' },
      decisionId: expect.stringMatching(/^dec_/),
    })
  })

  test('an admin still looks: at agents, at the log, and whether it is whole', async () => {
    expect(await asked('admin', 'listAgents')).toMatchObject({ ok: true, value: { items: [{ name: 'bot' }] } })
    expect(await asked('admin', 'listAuditEvents')).toMatchObject({ ok: true })
    expect(await asked('admin', 'verifyAudit')).toMatchObject({ ok: true, value: { ok: true } })
    expect(await asked('admin', 'getPolicy')).toMatchObject({ ok: true, value: { active: null } })
    expect(await asked('admin', 'getAgent', { id: 'nobody' })).toMatchObject({
      ok: false,
      error: { kind: 'fault', fault: { code: 'NOT_FOUND' } },
    })
  })

  test.each([
    ['resumeAgent', { id: 'bot', body: { reason: 'x' } }],
    ['updateAgent', { id: 'bot', body: { riskLevel: 'critical' } }],
    ['createGroup', { body: { name: 'x', environment: 'staging' } }],
    ['createSecret', { body: { name: 'x', groups: ['x'], value: 'v' } }],
    ['updateAgent', { id: 'nobody', body: { riskLevel: 'critical' } }],
  ])('an admin changes nothing else: %s', async (routeId, request) => {
    expect(await asked('admin', routeId, request)).toMatchObject(denied)
  })

  test.each(['operator', 'approver', 'auditor', 'policy_author'] as const)('%s has no such way out', async (role) => {
    expect(await asked(role, 'suspendAgent', { id: 'bot', body: { reason: 'x' } })).toMatchObject(denied)
    expect(await asked(role, 'listAgents')).toMatchObject(denied)
    expect(await asked(role, 'getAgent', { id: 'nobody' })).toMatchObject(denied)
  })
})
