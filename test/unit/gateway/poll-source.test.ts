import { expect, test } from 'vitest'
import type { BundleSource, Offer } from '../../../src/gateway/bundles/bundle-source.ts'
import { type PollDeps, pollSource } from '../../../src/gateway/bundles/poll-source.ts'
import { fault } from '../../../src/kernel/fault.ts'
import { err, ok } from '../../../src/kernel/result.ts'
import { type BundleProblem, refused } from '../../../src/policy/bundle-problem.ts'
import { silentLog } from '../../support/silent-log.ts'
import { until } from '../../support/until.ts'

const offer: Offer = { bytes: Buffer.from('bundle'), tag: '"v1"' }
const away = refused('BUNDLE_SOURCE_UNAVAILABLE', 'away')
type Answer = Awaited<ReturnType<BundleSource['fetch']>>
type Taken = Awaited<ReturnType<PollDeps['bundles']['offer']>>
const active: Taken = ok({ state: 'active', digest: 'sha256:00', report: null })

/** Polls until the answers are used up, on a clock that only counts. */
async function polled(
  answers: readonly Answer[],
  { taken = [], waits = false, random = 0 }: { taken?: readonly Taken[]; waits?: boolean; random?: number } = {},
) {
  const seen = { pausesMs: [] as number[], known: [] as (string | undefined)[], problems: [] as BundleProblem[] }
  let offers = 0
  let isOver = false
  const poll = pollSource({
    source: {
      waits,
      async fetch(known) {
        seen.known.push(known)
        return answers[seen.known.length - 1] ?? ok(undefined)
      },
    },
    url: 'https://bundles.example.com/acme',
    bundles: {
      offer: async () => taken[offers++] ?? active,
      refuse: async (_, problem) => void seen.problems.push(problem),
    },
    pollSeconds: 60,
    log: silentLog,
    pause: async (ms) => {
      isOver = seen.known.length === answers.length
      if (!isOver) seen.pausesMs.push(ms)
      return !isOver
    },
    random: () => random,
  })
  poll.start()
  await until(async () => isOver)
  await poll.stop()
  return seen
}

test('a failing source is asked less and less often, up to the usual, and complained of once', async () => {
  const { pausesMs, problems } = await polled([...Array.from({ length: 9 }, () => away), ok(offer), ok(undefined)])
  expect(pausesMs).toEqual([60_000, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
  expect(problems).toEqual([away.error])
})

test('replicas that start together do not ask together', async () => {
  expect((await polled([away, away], { random: 0.5 })).pausesMs).toEqual([45_000, 750])
})

test('a source that waits is asked again at once, but not while it fails', async () => {
  expect((await polled([ok(offer), ok(undefined), away, away], { waits: true })).pausesMs).toEqual([0, 0, 0, 1000])
})

test('a bundle that another replica or the database kept from its place is asked for again, ever less often', async () => {
  const lost = err(fault('STATE_CONFLICT'))
  const { pausesMs, known } = await polled([ok(offer), ok(offer), ok(offer), ok(undefined)], {
    taken: [lost, lost, active],
    waits: true,
  })
  expect(known).toEqual([undefined, undefined, undefined, offer.tag])
  expect(pausesMs).toEqual([0, 1000, 2000, 0])
})

test('a bundle that is refused for what it is, is not asked for again', async () => {
  const { known } = await polled([ok(offer), ok(undefined)], { taken: [err(fault('BUNDLE_UNSIGNED'))] })
  expect(known).toEqual([undefined, offer.tag])
})
