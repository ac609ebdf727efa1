import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Notice, Notifier } from '../../domain/notifications/notifier.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'

export const webhookBounds = {
  /** What waits beyond this is dropped, the oldest first. */
  queueMax: 1_000,
  attemptsMax: 6,
  /** Doubled with each further attempt. */
  firstPauseMs: 1_000,
  answerMsMax: 10_000,
  /** For so long a stopping gateway still delivers. */
  closeMsMax: 2_000,
} as const

export interface WebhookDeps {
  /** It may hold a credential of the receiver's, so it is never logged. */
  readonly url: Secret<string>
  /** `whsec_` and base64 as the specification has it, or any text. */
  readonly secret: Secret<string>
  readonly log: Log
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly firstPauseMs?: number
}

/**
 * Sends notices, one after another, as JSON by POST, signed as the Standard Webhooks specification says (headers
 * `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`). What is not
 * answered by 2xx is sent again a few times, ever later; what the receiver refuses for good (4xx) is not.
 */
export class WebhookNotifier implements Notifier {
  readonly #deps: WebhookDeps
  readonly #key: Buffer
  readonly #queue: Notice[] = []
  readonly #stopping = new AbortController()
  #sending: Promise<void> | undefined

  constructor(deps: WebhookDeps) {
    this.#deps = deps
    this.#key = keyOf(deps.secret.expose())
  }

  notify(notice: Notice): void {
    if (this.#stopping.signal.aborted) return
    this.#queue.push(notice)
    if (this.#queue.length > webhookBounds.queueMax) this.#givenUp(this.#queue.shift(), 'too many wait')
    this.#sending ??= this.#sendAll()
  }

  async close(): Promise<void> {
    const late = setTimeout(() => this.#stopping.abort(), webhookBounds.closeMsMax)
    await this.#sending
    clearTimeout(late)
    this.#stopping.abort()
    for (const notice of this.#queue.splice(0)) this.#givenUp(notice, 'the gateway stops')
  }

  async #sendAll(): Promise<void> {
    let notice = this.#queue.shift()
    while (notice !== undefined) {
      await this.#deliver(notice)
      notice = this.#stopping.signal.aborted ? undefined : this.#queue.shift()
    }
    this.#sending = undefined
  }

  async #deliver(notice: Notice): Promise<void> {
    const { firstPauseMs = webhookBounds.firstPauseMs } = this.#deps
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#send(notice)
      if (outcome === 'delivered') return
      const isLast = outcome.startsWith('refused') || attempt === webhookBounds.attemptsMax
      if (isLast || this.#stopping.signal.aborted) return this.#givenUp(notice, outcome)
      const pause = delay(firstPauseMs * 2 ** (attempt - 1), undefined, { signal: this.#stopping.signal, ref: false })
      await pause.catch(() => undefined)
    }
  }

  /** @returns `delivered`, or why not; never what the receiver said, which is nothing to believe */
  async #send(notice: Notice): Promise<string> {
    const { id, ...content } = notice
    const body = JSON.stringify(content)
    const timestamp = String(Math.floor(this.#deps.now() / 1000))
    const signature = createHmac('sha256', this.#key).update(`${id}.${timestamp}.${body}`).digest('base64')
    try {
      const { status, body: answer } = await fetch(this.#deps.url.expose(), {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(webhookBounds.answerMsMax), this.#stopping.signal]),
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
        },
        body,
      })
      await answer?.cancel()
      if (status >= 200 && status < 300) return 'delivered'
      const mayPass = status >= 500 || status === 408 || status === 429
      return `${mayPass ? 'answered' : 'refused'} ${status}`
    } catch (error) {
      return `not reached (${error instanceof Error ? error.name : 'unknown'})`
    }
  }

  #givenUp(notice: Notice | undefined, reason: string): void {
    this.#deps.log.warn('a notice was not delivered', { type: notice?.type, noticeId: notice?.id, reason })
  }
}

function keyOf(secret: string): Buffer {
  const encoded = /^whsec_([A-Za-z0-9+/=]+)$/.exec(secret)?.[1]
  return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64')
}
