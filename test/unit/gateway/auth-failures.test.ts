import { expect, test } from 'vitest'
import type { EventDraft } from '../../../src/domain/audit/event.ts'
import { AuthFailures, authFailureBounds } from '../../../src/gateway/auth-failures.ts'

const { perSourcePerMinute, perMinute } = authFailureBounds

function recorder() {
  const time = { nowMs: 0 }
  const events: EventDraft[] = []
  const failures = new AuthFailures({
    clock: { now: () => time.nowMs },
    auditLog: {
      append: async (entries) => {
        events.push(...entries.map(({ event }) => event))
        return []
      },
      appendIn: () => Promise.reject(new Error('not used')),
    },
  })
  const fail = async (clientIp: string, times: number) => {
    for (let count = 0; count < times; count++)
      await failures.record('TOKEN_UNKNOWN', { id: 'req_1', traceparent: null, clientIp })
  }
  return { time, events, fail }
}

test('a source is recorded up to its bound, and the next record says how many were left out', async () => {
  const { time, events, fail } = recorder()
  await fail('192.0.2.1', perSourcePerMinute + 5)
  expect(events).toHaveLength(perSourcePerMinute)
  time.nowMs += 60_000
  await fail('192.0.2.1', 2)
  expect(events.slice(perSourcePerMinute).map(({ details }) => details)).toEqual([{ unrecordedBefore: 5 }, {}])
})

test('addresses of one IPv6 /64 are one source, those of another are not', async () => {
  const { events, fail } = recorder()
  await fail('2001:db8::1', perSourcePerMinute)
  await fail('2001:db8::2', 1)
  expect(events).toHaveLength(perSourcePerMinute)
  await fail('2001:db8:0:1::1', 1)
  expect(events).toHaveLength(perSourcePerMinute + 1)
})

test('all sources together have a bound too', async () => {
  const { events, fail } = recorder()
  for (let source = 0; source < 6; source++) await fail(`192.0.2.${source}`, perSourcePerMinute)
  expect(events).toHaveLength(perMinute)
})
