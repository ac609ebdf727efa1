import { expect, test } from 'vitest'
import { CallHistory } from '../../../../src/domain/history/call-history.ts'
import { createSimulation } from '../../../../src/gateway/access/simulation.ts'
import { simulatedPerson, simulatedRights } from '../../../../src/gateway/access/simulated-callers.ts'
import type { Effect } from '../../../../src/kernel/vocabulary.ts'
import type { PolicyInput } from '../../../../src/policy/input.schema.ts'

const person = {
  id: 'per_1',
  email: 'ana@example.com',
  name: 'Ana',
  role: 'operator',
  groups: ['edge'],
  disabledAt: null,
  createdAt: new Date(0),
  createdBy: 'svc_bootstrap',
} as const
const agent = {
  id: 'agt_1',
  name: 'cursor-ops',
  description: '',
  ownerId: person.id,
  owner: person.email,
  riskLevel: 'low',
  scopes: ['secret:read'],
  groups: ['edge', 'prod'],
  status: 'active',
  createdAt: new Date(0),
  createdBy: person.id,
} as const
const tool = {
  name: 'certlocker_get_secret',
  action: 'secret.read',
  scopes: ['secret:read'],
  inputSchema: { type: 'object', properties: {} },
} as const
const resource = { type: 'secret', name: 'edge-key', exists: true } as const

/** A simulation over a policy that answers everything alike and keeps what it was asked. */
function simulation(effect: Effect) {
  const asked: PolicyInput[] = []
  const policy = { revision: 'r', digest: 'sha256:0', sequence: 1 }
  const simulated = createSimulation({
    policy: {
      active: () => policy,
      decide: (input) => {
        asked.push(input)
        const approval = { groups: [], roles: [], quorum: 0, useSeconds: 0 }
        const answer = { schema: 'certlocker.decision/v1', inputSchema: input.schema, callId: input.call.id } as const
        return { policy, decision: { ...answer, effect, reasons: [], obligations: [], approval, labels: {} } }
      },
    },
    history: new CallHistory({
      logSize: async () => 0,
      before: async () => ({ events: [], logSize: 0 }),
      between: async () => [],
    }),
    clock: { now: () => 1_000 },
    timeZone: 'UTC',
    hmacKey: Buffer.alloc(32),
    groupNames: async () => ['edge', 'prod'],
  })
  return { simulated, asked }
}

test('the policy is told that it is a simulation, of an agent within its owner, and of a person', async () => {
  const { simulated, asked } = simulation('allow')
  const [widest] = simulatedRights(agent, person, [])
  await simulated.call(widest.caller, tool, { type: 'none' })
  await simulated.operation(simulatedPerson(person), 'secret.reveal', resource)
  expect(asked).toMatchObject([
    { mode: 'simulate', principal: { kind: 'agent', groups: ['edge'], scopes: ['secret:read'] }, token: { id: '' } },
    {
      mode: 'simulate',
      principal: { kind: 'person', id: 'per_1', role: 'operator' },
      call: { action: 'secret.reveal' },
    },
  ])
})

test('what needs approval is refused to people, since over REST there is none to ask for', async () => {
  const { simulated } = simulation('require_approval')
  expect(await simulated.operation(simulatedPerson(person), 'secret.reveal', resource)).toMatchObject({
    effect: 'deny',
  })
})

test('others get their turn after every 50 evaluations', async () => {
  const { simulated, asked } = simulation('allow')
  let askedAtTurn = 0
  setImmediate(() => {
    askedAtTurn = asked.length
  })
  for (let count = 0; count < 200; count++)
    await simulated.operation(simulatedPerson(person), 'secret.reveal', resource)
  expect(askedAtTurn).toBeGreaterThan(0)
  expect(askedAtTurn).toBeLessThanOrEqual(50)
})
