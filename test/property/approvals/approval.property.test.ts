import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Approval, cancel, consume, expire, vote } from '../../../src/domain/approvals/approval.ts'
import { isInForce } from '../../../src/domain/approvals/open-approval.ts'
import { approvalFacts } from '../../support/approval-facts.ts'

type Step =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'vote'; readonly person: number; readonly verdict: 'approve' | 'deny' }
  | { readonly kind: 'consume'; readonly digest: string }
  | { readonly kind: 'expire' | 'cancel' }
  | { readonly kind: 'agent'; readonly status: 'active' | 'suspended' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 0, max: 70 }) }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('vote' as const),
      person: fc.integer({ min: 0, max: 3 }),
      verdict: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'deny' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('consume' as const),
      digest: fc.constantFrom('sha256:a', 'sha256:a', 'sha256:b'),
    }),
  },
  fc.record({ kind: fc.constantFrom('expire' as const, 'cancel' as const) }),
  fc.record({ kind: fc.constant('agent' as const), status: fc.constantFrom('active' as const, 'suspended' as const) }),
)

/** What happened to one approval, driven by the pure functions alone. */
function play(start: Approval, path: readonly Step[]) {
  let approval = start
  let nowMs = 0
  const became: { readonly status: Approval['status']; readonly nowMs: number }[] = []
  const take = (next: ReturnType<typeof cancel>): void => {
    if (!next.ok) return
    if (next.value.status !== approval.status) became.push({ status: next.value.status, nowMs })
    approval = next.value
  }
  for (const step of path) {
    if (step.kind === 'wait') nowMs += step.seconds * 1000
    if (step.kind === 'agent') approval = { ...approval, agentStatus: step.status }
    if (step.kind === 'consume') {
      const before = approval
      const next = consume(approval, step.digest, new Date(nowMs))
      take(next)
      if (next.ok)
        expect({ digest: step.digest, agent: before.agentStatus }).toEqual({ digest: 'sha256:a', agent: 'active' })
    }
    if (step.kind === 'expire') take(expire(approval, new Date(nowMs)))
    if (step.kind === 'cancel') take(cancel(approval))
    if (step.kind === 'vote') {
      const person = { personId: `per_${step.person}`, person: `${step.person}@example.com` }
      const at = new Date(nowMs)
      take(vote(approval, { ...person, verdict: step.verdict, comment: '', at, role: 'approver', useSeconds: 40 }))
    }
  }
  return { approval, became }
}

const starts = fc.record({
  kind: fc.constantFrom('call' as const, 'decision' as const),
  quorum: fc.integer({ min: 1, max: 3 }),
})

const played = fc.tuple(starts, fc.array(steps, { maxLength: 25 })).map(([{ kind, quorum }, path]) => {
  const { requirement } = approvalFacts()
  return { kind, quorum, ...play(approvalFacts({ kind, requirement: { ...requirement, quorum } }), path) }
})

describe('whatever happens to an approval', () => {
  test('it is used at most once, after enough different people approved, and in its time', () => {
    fc.assert(
      fc.property(played, ({ approval, became, quorum, kind }) => {
        const used = became.filter(({ status }) => status === 'consumed')
        expect(used.length).toBeLessThanOrEqual(1)
        if (used.length === 0) return
        const approvedAt = became.find(({ status }) => status === 'approved')?.nowMs ?? Number.NaN
        expect(used[0]?.nowMs).toBeLessThan(approvedAt + 40_000)
        expect(kind).toBe('call')
        const people = new Set(approval.votes.map(({ personId }) => personId))
        expect(people.size).toBe(approval.votes.length)
        expect(people.size).toBe(quorum)
      }),
      { numRuns: 3000 },
    )
  })

  test('it goes forward only: nothing comes after its end, and a denial is one', () => {
    const after: Record<Approval['status'], readonly string[]> = {
      pending: ['approved', 'denied', 'expired', 'cancelled'],
      approved: ['consumed', 'expired', 'cancelled'],
      denied: [],
      expired: [],
      consumed: [],
      cancelled: [],
    }
    fc.assert(
      fc.property(played, ({ became }) => {
        let status: Approval['status'] = 'pending'
        for (const next of became) {
          expect(after[status]).toContain(next.status)
          status = next.status
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('what answers the same call is decided in time or still waits', () => {
    fc.assert(
      fc.property(played, fc.integer({ min: 0, max: 200 }), ({ approval }, seconds) => {
        if (!isInForce(approval, new Date(seconds * 1000), 50)) return
        expect(['pending', 'approved', 'denied']).toContain(approval.status)
        if (approval.status === 'pending') expect(seconds).toBeLessThan(100)
        if (approval.status === 'approved') expect(seconds * 1000).toBeLessThan(approval.useBefore?.getTime() ?? 0)
      }),
    )
  })
})
