import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Host } from '../../../src/domain/hosts/host.ts'
import { expireSshSessions } from '../../../src/domain/ssh/expire-ssh-sessions.ts'
import { finishSshSession } from '../../../src/domain/ssh/finish-ssh-session.ts'
import { grantSshSession } from '../../../src/domain/ssh/grant-ssh-session.ts'
import { issueCommandTicket } from '../../../src/domain/ssh/issue-command-ticket.ts'
import { redeemSshTicket } from '../../../src/domain/ssh/redeem-ssh-ticket.ts'
import {
  activate,
  endingOf,
  finish,
  isOver,
  type SshEndReason,
  type SshSession,
  sshEndReasons,
} from '../../../src/domain/ssh/ssh-session.ts'
import type { Secret } from '../../../src/kernel/secret.ts'
import { aGroup, aHost, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

const reasons = Object.values(sshEndReasons).flat()
const TTL_SECONDS = 100

describe('whatever happens to a session', () => {
  type Step = { readonly seconds: number; readonly does: 'activate' | SshEndReason }
  const steps: fc.Arbitrary<Step> = fc.record({
    seconds: fc.integer({ min: 0, max: 40 }),
    does: fc.oneof({ weight: 3, arbitrary: fc.constant('activate' as const) }, fc.constantFrom(...reasons)),
  })

  test('it goes forward only, starts before its time is over, and ends once, as its reason says', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 12 }), (path) => {
        let session = aSession()
        let nowMs = 0
        for (const { seconds, does } of path) {
          nowMs += seconds * 1000
          const before = session
          const now = new Date(nowMs)
          const next = does === 'activate' ? activate(session, now) : finish(session, does, now)
          if (!next.ok) {
            expect(isOver(before) || now >= before.expiresAt).toBe(true)
            continue
          }
          expect(isOver(before)).toBe(false)
          session = next.value
          if (does === 'activate') {
            expect(session.startedAt?.getTime()).toBeLessThan(TTL_SECONDS * 1000)
            if (before.startedAt !== null) expect(session).toBe(before)
          } else expect(session).toMatchObject({ state: endingOf(does), endedAt: now, endReason: does })
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('whatever is done with its tickets', () => {
  let registry: TestRegistry
  let host: Host
  let holders = 0

  beforeAll(async () => {
    registry = await testRegistry()
    await aGroup(registry, 'edge')
    host = await aHost(registry, 'edge-1', 'edge')
  })
  afterAll(() => registry.close())

  type Step =
    | { readonly kind: 'wait'; readonly seconds: number }
    | { readonly kind: 'issue' | 'end' | 'expire' }
    | { readonly kind: 'show'; readonly ticket: number; readonly ip: string; readonly times: number }
  const steps: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 40 }) }),
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('issue' as const) }) },
    fc.record({ kind: fc.constantFrom('end' as const, 'expire' as const) }),
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('show' as const),
        ticket: fc.integer({ min: 0, max: 3 }),
        ip: fc.constantFrom('10.0.0.7', '10.0.0.7', '10.0.0.7', '10.0.0.8'),
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
  )

  test('each opens its session once at most, in its time, where it is bound to, and never once that is over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 10 }), async (path) => {
        const tickets = await play(path)
        for (const { isCommand, opened, tries } of tickets) {
          expect(opened.length).toBeLessThanOrEqual(1)
          expect(opened.length).toBeLessThanOrEqual(tries)
          for (const { ip, afterMs, wasOver } of opened) {
            expect(wasOver).toBe(false)
            expect(afterMs).toBeLessThan(isCommand ? 15_000 : 60_000)
            if (!isCommand) expect(ip).toBe('10.0.0.7')
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  interface Ticket {
    readonly value: Secret<string>
    readonly isCommand: boolean
    readonly issuedMs: number
    tries: number
    readonly opened: { readonly ip: string; readonly afterMs: number; readonly wasOver: boolean }[]
  }

  async function play(path: readonly Step[]): Promise<readonly Ticket[]> {
    const { deps, stores } = registry
    const holder = { kind: 'person' as const, id: `per_${holders++}`, name: 'ana@example.com' }
    const client = { ip: '10.0.0.7', name: 'test', version: '1' }
    const request = { host, holder, agent: null, client, ttlSeconds: TTL_SECONDS, ttlSecondsMax: undefined }
    registry.events()
    const { session, ticket } = valueOf(await grantSshSession(deps, author(), request))
    const granted = registry.events()
    expect(granted.map(({ type }) => type)).toEqual(['SSH_SESSION_GRANTED'])
    const tickets = [fresh(ticket, false)]
    for (const step of path) {
      if (step.kind === 'wait') registry.now += step.seconds * 1000
      if (step.kind === 'end') await finishSshSession(deps, author(), session.id, 'admin')
      if (step.kind === 'expire') valueOf(await expireSshSessions(deps))
      if (step.kind === 'issue') {
        const issued = await issueCommandTicket(deps, session.id, { command: 'id', requestId: 'req_1' })
        if (issued.ok) tickets.push(fresh(issued.value, true))
      }
      if (step.kind === 'show') await show(session.id, tickets[step.ticket % tickets.length], step)
    }
    const ends = registry
      .events()
      .filter(({ type, details }) => type === 'SSH_SESSION_ENDED' && details['sshSessionId'] === session.id)
    const after = await stores.sshSessions.find(session.id)
    expect(ends).toHaveLength(after !== undefined && isOver(after) ? 1 : 0)
    return tickets
  }

  /** Some show it at the same time, as thieves and retries do. */
  async function show(
    sessionId: string,
    ticket: Ticket | undefined,
    { ip, times }: { readonly ip: string; readonly times: number },
  ): Promise<void> {
    if (ticket === undefined) return
    const { stores, now, deps } = registry
    const session = await stores.sshSessions.find(sessionId)
    const shown = { sessionId, ticket: ticket.value.expose(), sourceIp: ip }
    const tries = await Promise.all(
      Array.from({ length: times }, () => redeemSshTicket({ ...stores, clock: deps.clock }, shown)),
    )
    ticket.tries += times
    const wasOver = session === undefined || isOver(session) || session.expiresAt.getTime() <= now
    for (const each of tries) if (each.ok) ticket.opened.push({ ip, afterMs: now - ticket.issuedMs, wasOver })
  }

  function fresh(value: Secret<string>, isCommand: boolean): Ticket {
    return { value, isCommand, issuedMs: registry.now, tries: 0, opened: [] }
  }
})

function aSession(): SshSession {
  return {
    id: 'ssh_0',
    holder: { kind: 'person', id: 'per_0', name: 'ana@example.com' },
    agent: null,
    client: { ip: '10.0.0.7', name: 'test', version: '1' },
    host: { id: 'hst_0', name: 'edge-1', groups: ['edge'], environment: 'staging' },
    principal: 'deploy',
    mode: 'exec',
    reason: '',
    state: 'granted',
    grantedAt: new Date(0),
    expiresAt: new Date(TTL_SECONDS * 1000),
    startedAt: null,
    endedAt: null,
    endReason: null,
  }
}
