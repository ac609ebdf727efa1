import { setTimeout as delay } from 'node:timers/promises'
import type { BundleFacts, BundleRefusal } from '../../domain/bundles/bundle-store.ts'
import type { Log } from '../../kernel/log.ts'
import { plain, postReport, type ReportPlace } from './post-report.ts'

const EVERY_MS = 60_000

/** What is known of the policy in force. */
export interface PolicyStatus {
  readonly active: Pick<BundleFacts, 'revision' | 'digest' | 'activatedAt'> | undefined
  readonly lastError: BundleRefusal | null
}

export interface StatusReportsDeps {
  readonly place: ReportPlace
  readonly labels: Readonly<Record<string, string>>
  readonly status: () => Promise<PolicyStatus>
  readonly log: Log
}

/** Tells whatever takes OPA's status reports which bundle is in force: at once, every minute, and when asked to. */
export class StatusReports {
  readonly #deps: StatusReportsDeps
  readonly #stopping = new AbortController()
  #waiting = new AbortController()
  #complaint: string | undefined
  readonly #running: Promise<void>

  constructor(deps: StatusReportsDeps) {
    this.#deps = deps
    this.#running = this.#goOn()
  }

  /** Something happened to bundles: the next report goes out now. */
  changed(): void {
    this.#waiting.abort()
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #goOn(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#waiting = new AbortController()
      const problem = await this.#send()
      if (problem !== undefined && problem !== this.#complaint && !this.#stopping.signal.aborted)
        this.#deps.log.warn('the status of the policy was not taken by policy.statusUrl', { problem })
      this.#complaint = problem
      const signal = AbortSignal.any([this.#waiting.signal, this.#stopping.signal])
      await delay(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  async #send(): Promise<string | undefined> {
    const { place, labels, status } = this.#deps
    try {
      return await postReport(place, plain(JSON.stringify(reportOf(await status(), labels))), this.#stopping.signal)
    } catch {
      return 'the database cannot be read'
    }
  }
}

function reportOf({ active, lastError }: PolicyStatus, labels: StatusReportsDeps['labels']): object {
  const certlocker = {
    name: 'certlocker',
    type: 'snapshot',
    active_revision: active?.revision ?? '',
    // As Go writes the time of what never was.
    last_successful_activation: active?.activatedAt?.toISOString() ?? '0001-01-01T00:00:00Z',
    ...(lastError === null
      ? {}
      : {
          code: 'bundle_error',
          message: `${lastError.code}: ${lastError.detail}`,
          last_request: lastError.at,
        }),
  }
  const custom = { bundleDigest: active?.digest ?? '' }
  return { labels, bundles: { certlocker }, plugins: { bundle: { state: active ? 'OK' : 'NOT_READY' } }, custom }
}
