import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../src/domain/audit/event.ts'
import { CallHistory, type History } from '../../../src/domain/history/call-history.ts'
import type { AgentPast } from '../../../src/domain/history/history-store.ts'

const START = 1_800_000_000_000
const agents = ['agt_a', 'agt_b']

interface Spec {
  readonly gapMs: number
  readonly agentId: string
  readonly type: AuditEvent['type']
  readonly name: string
  readonly environment: string
  readonly attempt: number
  readonly isForeign: boolean
  readonly afterwards: 'nothing' | 'ask' | 'follow' | 'ask while loading'
}

const spec: fc.Arbitrary<Spec> = fc.record({
  gapMs: fc.oneof(fc.nat(3_000), fc.nat(20 * 60_000)),
  agentId: fc.constantFrom(...agents),
  type: fc.constantFrom<AuditEvent['type']>(
    'AI_AGENT_POLICY_ALLOWED',
    'AI_AGENT_POLICY_DENIED',
    'AI_AGENT_APPROVAL_REQUIRED',
    'AI_AGENT_CALL_COMPLETED',
    'GROUP_CREATED',
  ),
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  environment: fc.constantFrom('production', 'staging'),
  attempt: fc.constantFrom(1, 1, 1, 2),
  isForeign: fc.boolean(),
  afterwards: fc.constantFrom('nothing', 'ask', 'follow', 'ask while loading'),
})

const denied: Spec = {
  gapMs: 0,
  agentId: 'agt_a',
  type: 'AI_AGENT_POLICY_DENIED',
  name: 'a',
  environment: '',
  attempt: 1,
  isForeign: false,
  afterwards: 'nothing',
}

/** A log in memory, as HistoryStore reads it. Answers wait until they are let go, so that events can come in between. */
class LogInMemory {
  readonly events: AuditEvent[] = []
  #held: (() => void)[] | undefined

  hold(): void {
    this.#held = []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  async logSize(): Promise<number> {
    const size = this.events.length
    await this.#gate()
    return size
  }

  async before(seq: number, agentId: string, after: Date, limit: number): Promise<AgentPast> {
    const events = this.events
      .filter((event) => event.agent?.id === agentId && event.seq < seq && Date.parse(event.at) > after.getTime())
      .toReversed()
      .slice(0, limit)
    const past = { events, logSize: this.events.length }
    await this.#gate()
    return past
  }

  async between(firstSeq: number, lastSeq: number): Promise<readonly AuditEvent[]> {
    const events = this.events.filter(({ seq, type }) => seq >= firstSeq && seq <= lastSeq && isDecision(type))
    await this.#gate()
    return events
  }

  async #gate(): Promise<void> {
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve))
  }
}

describe('the call history', () => {
  test('says what a recount of the whole log says, in whatever order it hears of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { maxLength: 80, size: 'max' }), async (specs) => {
        const log = new LogInMemory()
        const history = new CallHistory(log)
        let nowMs = START
        for (const each of specs) {
          nowMs += each.gapMs
          const event = eventOf(each, log.events.length + 1, nowMs)
          const loading = each.afterwards === 'ask while loading' ? ask(log, history, each.agentId, nowMs) : undefined
          log.events.push(event)
          if (!each.isForeign) history.record(event)
          if (loading !== undefined) {
            await turn()
            log.release()
            await loading
          }
          if (each.afterwards === 'follow') await history.follow(log.events.length)
          if (each.afterwards === 'ask') await history.of(each.agentId, nowMs)
        }
        await history.follow(log.events.length)
        for (const agentId of agents) {
          expect(await history.of(agentId, nowMs)).toEqual(recount(log.events, agentId, nowMs))
        }
      }),
      { numRuns: 400 },
    )
  })

  test('counts nothing twice when the poll and the append tell of the same events', async () => {
    const log = new LogInMemory()
    const history = new CallHistory(log)
    await history.of('agt_a', START)
    for (let seq = 1; seq <= 3; seq++) log.events.push(eventOf(denied, seq, START))
    log.hold()
    const following = history.follow(3)
    for (const event of log.events.slice(1)) history.record(event)
    log.release()
    await following
    for (const event of log.events) history.record(event)
    expect((await history.of('agt_a', START)).minute.denials).toBe(3)
  })

  test('begins once when several agents are the first to be asked about', async () => {
    const log = new LogInMemory()
    let questions = 0
    const sizes = [0, 0]
    const slow: (() => void)[] = []
    const history = new CallHistory({
      before: (...args) => log.before(...args),
      between: (first, last) => log.between(first, last),
      logSize: () => new Promise((resolve) => slow.push(() => resolve(sizes[questions++] ?? 0))),
    })
    const first = history.of('agt_a', START)
    const second = history.of('agt_b', START)
    slow[0]?.()
    await first
    const event = eventOf(denied, 1, START)
    log.events.push(event)
    history.record(event)
    slow[1]?.()
    await second
    await history.follow(1)
    expect((await history.of('agt_a', START)).minute.denials).toBe(1)
  })

  test('loads an agent anew after a failure', async () => {
    const log = new LogInMemory()
    const broken = { isAway: true }
    const history = new CallHistory({
      logSize: () => log.logSize(),
      between: (first, last) => log.between(first, last),
      before: (...args) => (broken.isAway ? Promise.reject(new Error('away')) : log.before(...args)),
    })
    await expect(history.of('agt_a', START)).rejects.toThrow('away')
    broken.isAway = false
    expect((await history.of('agt_a', START)).hour.calls).toBe(0)
  })
})

async function ask(log: LogInMemory, history: CallHistory, agentId: string, nowMs: number): Promise<History> {
  log.hold()
  const asked = history.of(agentId, nowMs)
  await turn()
  return asked
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function isDecision(type: AuditEvent['type']): boolean {
  return /POLICY|APPROVAL_REQUIRED/.test(type)
}

/** The definition, without any cleverness: a bucket is in the window when it is one of the last 60. */
function recount(events: readonly AuditEvent[], agentId: string, nowMs: number): History {
  const window = (bucketMs: number) => {
    const bucket = (ms: number) => Math.floor(ms / bucketMs)
    const own = events.filter(
      (event) =>
        event.agent?.id === agentId && isDecision(event.type) && bucket(Date.parse(event.at)) > bucket(nowMs) - 60,
    )
    const denied = own.filter(({ type }) => type === 'AI_AGENT_POLICY_DENIED')
    const reads = own.filter(({ type }) => type === 'AI_AGENT_POLICY_ALLOWED')
    return {
      calls: own.filter(({ attempt }) => attempt === 1).length,
      denials: denied.length,
      deniedNames: new Set(denied.map(({ resource }) => resource?.name)).size,
      distinctSecrets: new Set(reads.map(({ resource }) => resource?.id)).size,
      productionReads: reads.filter(({ resource }) => resource?.environment === 'production').length,
    }
  }
  return { minute: window(1_000), hour: window(60_000) }
}

function eventOf({ agentId, type, name, environment, attempt }: Spec, seq: number, atMs: number): AuditEvent {
  return {
    seq,
    id: `evt_${seq}`,
    at: new Date(atMs).toISOString(),
    type,
    actor: null,
    agent: { id: agentId, name: agentId, owner: 'ada@example.com', riskLevel: 'low' },
    tokenId: null,
    sessionId: null,
    launcher: null,
    client: null,
    tool: 'certlocker_get_secret',
    resource: { type: 'secret', id: `sec_${name}`, name, groups: [], environment, version: 0 },
    outcome: null,
    code: null,
    reasons: [],
    decisionId: null,
    attempt,
    policy: null,
    inputDigest: null,
    requestId: null,
    traceparent: null,
    details: {},
  }
}
