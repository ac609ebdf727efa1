import type { Json } from '../../kernel/canonical-json.ts'
import type { Actor } from '../audit/event.ts'
import type { OrderStatus } from './certificate.schema.ts'

const STEPS_MAX = 100
const BACKOFF_MS_MIN = 500
const BACKOFF_MS_MAX = 60_000

export interface OrderStep {
  readonly at: string
  readonly status: OrderStatus
  readonly note: string
}

/** One version of a certificate on its way, from the decision that allowed it to its end. */
export interface Order {
  readonly id: string
  readonly certificateId: string
  /** The version that it is to become. */
  readonly version: number
  readonly issuer: string
  /** Sorted. */
  readonly domains: readonly string[]
  readonly csr: Buffer
  readonly keyPath: string
  readonly keyVersion: string
  readonly replaces: string | null
  readonly requestedBy: Actor
  readonly decisionId: string
  readonly status: OrderStatus
  readonly state: Json | null
  /** What it waits for or why it ended; null while all goes well. */
  readonly problem: string | null
  readonly steps: readonly OrderStep[]
  /** Steps that were begun. */
  readonly attempts: number
  /** Steps that failed one after another. */
  readonly failures: number
  readonly nextAttemptAt: Date
  readonly expiresAt: Date
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** The statuses that an order may take next. What has ended stays as it is. */
const next: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  pending: ['pending', 'ready', 'processing', 'valid', 'invalid'],
  ready: ['ready', 'processing', 'valid', 'invalid'],
  processing: ['processing', 'valid', 'invalid'],
  valid: [],
  invalid: [],
}

export interface StepResult {
  readonly status: OrderStatus
  readonly state: Json | null
  readonly note: string
  readonly waitMs: number
}

/**
 * The order after a step. An authority that names an earlier status is not followed back: what was decided and sent stays.
 * @throws Error for an order that has ended
 */
export function stepped(order: Order, { status, state, note, waitMs }: StepResult, now: Date): Order {
  if (next[order.status].length === 0) throw new Error(`order ${order.id} has ended`)
  const reached = next[order.status].includes(status) ? status : order.status
  const isOver = reached === 'valid' || reached === 'invalid'
  return {
    ...order,
    status: reached,
    state,
    problem: reached === 'invalid' ? note : null,
    failures: 0,
    steps: withStep(order.steps, { at: now.toISOString(), status: reached, note }),
    nextAttemptAt: new Date(now.getTime() + waitMs),
    finishedAt: isOver ? now : null,
  }
}

/** The order after a step that failed and is to be tried again, later each time. */
export function delayed(order: Order, problem: string, retryAfterMs: number | null, now: Date): Order {
  const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** order.failures)
  return {
    ...order,
    problem,
    failures: order.failures + 1,
    steps: withStep(order.steps, { at: now.toISOString(), status: order.status, note: problem }),
    nextAttemptAt: new Date(now.getTime() + Math.max(backoffMs, retryAfterMs ?? 0)),
  }
}

/** The order as people see it: neither the request nor where the key lies. */
export function orderView(order: Order) {
  return {
    id: order.id,
    version: order.version,
    issuer: order.issuer,
    domains: [...order.domains],
    orderStatus: order.status,
    problem: order.problem,
    requestedBy: order.requestedBy.id,
    decisionId: order.decisionId,
    steps: order.steps.map(({ at, status, note }) => ({ at, status, note })),
    createdAt: order.createdAt.toISOString(),
    finishedAt: order.finishedAt?.toISOString() ?? null,
  }
}

/** What repeats itself stands there once, with the time of the last. */
function withStep(steps: readonly OrderStep[], step: OrderStep): readonly OrderStep[] {
  const last = steps.at(-1)
  const before = last?.status === step.status && last.note === step.note ? steps.slice(0, -1) : steps
  return [...before, step].slice(-STEPS_MAX)
}
