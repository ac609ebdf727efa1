import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { EventDraft } from '../domain/audit/event.ts'
import { sourceNetwork } from '../kernel/cidr.ts'
import type { Clock } from '../kernel/clock.ts'
import type { RequestFacts } from './caller.ts'
import { WindowLimit } from './window-limit.ts'

/** Anybody can fail, so what failing costs the log is bounded. Beyond it the caller is refused all the same. */
export const authFailureBounds = { perSourcePerMinute: 300, perMinute: 1_200 } as const

type Facts = Pick<EventDraft, 'actor' | 'agent' | 'tokenId' | 'details'>

/** Records refused authentications of both doors, so many a minute; the next one says how many were left out. */
export class AuthFailures {
  readonly #deps: { readonly auditLog: AuditLog; readonly clock: Clock }
  readonly #perSource = new WindowLimit({ calls: authFailureBounds.perSourcePerMinute, seconds: 60 })
  readonly #inAll = new WindowLimit({ calls: authFailureBounds.perMinute, seconds: 60 })
  #unrecorded = 0

  constructor(deps: { readonly auditLog: AuditLog; readonly clock: Clock }) {
    this.#deps = deps
  }

  /** @param code the reason, for the operator alone */
  async record(code: string, request: RequestFacts, facts: Facts = {}): Promise<void> {
    const { auditLog, clock } = this.#deps
    const source = sourceNetwork(request.clientIp)
    const isWithin = this.#perSource.take(source, clock.now()).allowed && this.#inAll.take('', clock.now()).allowed
    if (!isWithin) {
      this.#unrecorded += 1
      return
    }
    const unrecorded = this.#unrecorded
    this.#unrecorded = 0
    const event: EventDraft = {
      ...facts,
      type: 'AI_AGENT_AUTH_FAILED',
      client: { ip: request.clientIp, name: '', version: '' },
      outcome: 'deny',
      code,
      requestId: request.id,
      traceparent: request.traceparent,
      details: {
        ...facts.details,
        ...(request.forwardedBy === undefined ? {} : { forwardedBy: request.forwardedBy }),
        ...(unrecorded === 0 ? {} : { unrecordedBefore: unrecorded }),
      },
    }
    await auditLog.append([{ event }])
  }
}
