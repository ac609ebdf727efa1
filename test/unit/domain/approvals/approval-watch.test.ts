import { describe, expect, test, vi } from 'vitest'
import { ApprovalWatch, holdBounds, type WaitedFor } from '../../../../src/domain/approvals/approval-watch.ts'
import type { ApprovalStatus } from '../../../../src/domain/approvals/approval.ts'
import { anEvent } from '../../../support/an-event.ts'

const FOR_MS = 10_000
const waited = (more: Partial<WaitedFor> = {}): WaitedFor => ({
  approvalId: 'apr_1',
  agentId: 'agt_1',
  sessionId: 'ses_1',
  forMs: FOR_MS,
  signal: new AbortController().signal,
  ...more,
})

function watchOn(statuses: () => Promise<ApprovalStatus> = async () => 'pending') {
  const failures: unknown[] = []
  const statusesOf = async (ids: readonly string[]) => {
    const status = await statuses()
    return ids.map((id) => ({ id, status }))
  }
  return { watch: new ApprovalWatch({ statusesOf, failed: (error) => failures.push(error) }), failures }
}

describe('whoever waits for people', () => {
  test('is woken by what is decided here, and by nothing else', async () => {
    const { watch } = watchOn()
    const [mine, other] = [watch.wait(waited()), watch.wait(waited({ approvalId: 'apr_2' }))]
    watch.appended([anEvent({ type: 'APPROVAL_VOTED', details: { approvalId: 'apr_1' } })])
    expect(watch.held).toBe(2)
    watch.appended([anEvent({ type: 'APPROVAL_DENIED', details: { approvalId: 'apr_1' } })])
    expect(await mine).toBe('denied')
    expect(watch.held).toBe(1)
    watch.close()
    expect(await other).toBe('nothing')
  })

  test('hears what another replica decided, also before the wait began and after a look that failed', async () => {
    expect(await watchOn(async () => 'approved').watch.wait(waited())).toBe('approved')
    let looks = 0
    const { watch, failures } = watchOn(async () => {
      looks += 1
      if (looks < 3) throw new Error('away')
      return 'cancelled'
    })
    expect(await watch.wait(waited())).toBe('cancelled')
    expect(failures).toHaveLength(1)
  })

  test('hears at once of what changed elsewhere when somebody says so', async () => {
    vi.useFakeTimers()
    try {
      let status: ApprovalStatus = 'pending'
      const { watch } = watchOn(async () => status)
      const ended = vi.fn<(how: unknown) => void>()
      void watch.wait(waited()).then(ended)
      await vi.advanceTimersByTimeAsync(holdBounds.pollEveryMs / 2)
      status = 'approved'
      await vi.advanceTimersByTimeAsync(1)
      expect(ended).not.toHaveBeenCalled()
      watch.lookNow()
      await vi.advanceTimersByTimeAsync(1)
      expect(ended).toHaveBeenCalledWith('approved')
    } finally {
      vi.useRealTimers()
    }
  })

  test('is let go with its session, its client, its time and the gateway', async () => {
    const { watch } = watchOn()
    const gone = new AbortController()
    const waits = [
      watch.wait(waited({ sessionId: 'ses_2' })),
      watch.wait(waited({ signal: gone.signal })),
      watch.wait(waited({ forMs: 1 })),
      watch.wait(waited()),
    ]
    watch.sessionEnded('ses_2')
    gone.abort()
    await waits[2]
    watch.close()
    expect(await Promise.all(waits)).toEqual(['session_ended', 'nothing', 'nothing', 'nothing'])
    expect(await watch.wait(waited())).toBe('nothing')
  })

  test('is one of so many per agent and in all; one more is answered at once', async () => {
    const { watch } = watchOn()
    const held: Promise<unknown>[] = []
    for (let index = 0; index < holdBounds.heldMax; index++)
      held.push(watch.wait(waited({ agentId: `agt_${Math.floor(index / holdBounds.perAgentMax)}` })))
    expect(watch.held).toBe(holdBounds.heldMax)
    expect(await watch.wait(waited({ agentId: 'agt_new' }))).toBe('nothing')
    watch.close()
    await Promise.all(held)

    const second = watchOn().watch
    const own = Array.from({ length: holdBounds.perAgentMax }, () => second.wait(waited()))
    expect(await second.wait(waited())).toBe('nothing')
    expect(second.held).toBe(holdBounds.perAgentMax)
    second.close()
    await Promise.all(own)
  })
})
