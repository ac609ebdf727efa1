import { expect, test } from 'vitest'
import type { AgentCaller } from '../../../src/gateway/caller.ts'
import { LiveWork } from '../../../src/gateway/live-work.ts'
import { ok } from '../../../src/kernel/result.ts'

const caller = (id: string) => ({ standing: { agent: { id } } }) as AgentCaller
const never = new AbortController().signal

test('an effect whose caller stands ends with its own answer', async () => {
  const live = new LiveWork()
  const running = live.run(caller('agt_1'), never, async () => ok('value'))
  expect(await live.cutLost(async () => true)).toBe(0)
  expect(await running).toEqual(ok('value'))
})

test('one whose caller lost its right is told to end, and is not waited for', async () => {
  const live = new LiveWork()
  let told: AbortSignal | undefined
  const hanging = live.run(caller('agt_1'), never, (signal) => {
    told = signal
    return new Promise(() => undefined)
  })
  const other = live.run(caller('agt_2'), never, async () => ok('value'))
  expect(live.countOf(new Set(['agt_1']))).toBe(1)
  expect(await live.cutLost(async ({ standing }) => standing.agent.id !== 'agt_1')).toBe(1)
  expect(await hanging).toMatchObject({ ok: false, error: { code: 'GATEWAY_REVOKED' } })
  expect(told?.aborted).toBe(true)
  expect(await other).toEqual(ok('value'))
  expect(live.countOf(new Set(['agt_1']))).toBe(0)
})

test('one that fails after it was cut off fails for nobody', async () => {
  const live = new LiveWork()
  let fail: (error: Error) => void = () => undefined
  const running = live.run(caller('agt_1'), never, () => new Promise((_, reject) => (fail = reject)))
  await live.cutLost(async () => false)
  fail(new Error('too late'))
  expect(await running).toMatchObject({ ok: false, error: { code: 'GATEWAY_REVOKED' } })
})

test('a client that goes away tells the effect, whose answer still counts', async () => {
  const live = new LiveWork()
  const client = new AbortController()
  const running = live.run(caller('agt_1'), client.signal, async (signal) => {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve)
    })
    return ok('ended')
  })
  client.abort()
  expect(await running).toEqual(ok('ended'))
})
