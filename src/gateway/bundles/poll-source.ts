import { setTimeout as delay } from 'node:timers/promises'
import { systemAuthor } from '../../domain/audit/author.ts'
import type { Log } from '../../kernel/log.ts'
import { type BundleProblem, problemText } from '../../policy/bundle-problem.ts'
import type { BundleSource } from './bundle-source.ts'
import type { PolicyBundles } from './policy-bundles.ts'

export interface PollDeps {
  readonly source: BundleSource
  /** As it was configured. */
  readonly url: string
  readonly bundles: Pick<PolicyBundles, 'offer' | 'refuse'>
  readonly pollSeconds: number
  readonly log: Log
  /** Waits, for real unless said otherwise. @returns false when it was cut short */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<boolean>
  /** At least 0 and below 1. */
  readonly random?: () => number
}

export interface Poll {
  /** Asks once. @returns why there is no bundle of the source, or undefined when it was taken in */
  once(): Promise<string | undefined>
  /** Goes on asking. */
  start(): void
  stop(): Promise<void>
}

const BACK_OFF_MS_MIN = 500
/** Replicas that start together do not ask together: each waits between half of the time and all of it. */
const JITTER = 0.5

/** Asks a source for new bundles again and again, less often while it fails. A refused bundle is on record once. */
export function pollSource(deps: PollDeps): Poll {
  const { source, url, bundles, pollSeconds, log, pause = pauseFor, random = Math.random } = deps
  const abort = new AbortController()
  const pollMs = pollSeconds * 1000
  let tag: string | undefined
  let complaint: string | undefined
  let failures = 0
  let running: Promise<void> = Promise.resolve()

  const complain = async (problem: BundleProblem): Promise<string> => {
    const text = problemText(problem)
    if (text !== complaint) await bundles.refuse(url, problem)
    complaint = text
    return text
  }
  const once = async (): Promise<string | undefined> => {
    const fetched = await source.fetch(tag, abort.signal)
    if (abort.signal.aborted) return undefined
    if (!fetched.ok) {
      failures += 1
      return complain(fetched.error)
    }
    complaint = undefined
    const outcome = fetched.value && (await bundles.offer(fetched.value.bytes, url, systemAuthor('policy')))
    // Lost to another replica or a failing database, it is asked for again; refused for what it is, it is not.
    const isSettled = outcome === undefined || outcome.ok || outcome.error.code.startsWith('BUNDLE_')
    if (isSettled && fetched.value !== undefined) tag = fetched.value.tag
    failures = isSettled ? 0 : failures + 1
    return outcome === undefined || outcome.ok ? undefined : outcome.error.message
  }
  const pauseMs = (): number => {
    if (failures === 0 && source.waits) return 0
    const longest = failures === 0 ? pollMs : Math.min(pollMs, BACK_OFF_MS_MIN * 2 ** failures)
    return longest * (1 - JITTER * random())
  }
  const goOn = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      if (!(await pause(pauseMs(), abort.signal))) return
      try {
        await once()
      } catch (error) {
        failures += 1
        log.warn('the policy source could not be followed', { error })
      }
    }
  }
  return {
    once,
    start() {
      running = goOn()
    },
    async stop() {
      abort.abort()
      await running
    },
  }
}

function pauseFor(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal, ref: false }).catch(() => false)
}
