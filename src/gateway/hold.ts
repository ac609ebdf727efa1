import type { ApprovalWatch, WaitEnd } from '../domain/approvals/approval-watch.ts'
import type { AgentCaller } from './caller.ts'

/** Tells a client that asked for it that its call goes on. */
export type Tell = (message: string) => void

/** A client that is told nothing may give its call up soon. */
const UNTOLD_SECONDS_MAX = 5
const TELL_EVERY_MS = 5_000

export interface HoldDeps {
  readonly approvalWatch: ApprovalWatch
  readonly approvalHoldSeconds: number
}

/** For so long a call waits for people by itself. */
export function holdSeconds({ approvalHoldSeconds }: HoldDeps, tell: Tell | undefined): number {
  return tell === undefined ? Math.min(UNTOLD_SECONDS_MAX, approvalHoldSeconds) : approvalHoldSeconds
}

export interface Held {
  readonly caller: AgentCaller
  readonly approvalId: string
  readonly seconds: number
  readonly signal: AbortSignal
  readonly tell: Tell | undefined
}

/** Waits until an approval is decided, and tells a client that wants to know that it still waits. */
export async function hold(
  { approvalWatch }: Pick<HoldDeps, 'approvalWatch'>,
  { caller, approvalId, seconds, signal, tell }: Held,
): Promise<WaitEnd> {
  if (seconds === 0) return 'nothing'
  const say = (): void => tell?.(`Approval ${approvalId} waits for a decision`)
  say()
  const timer = tell && setInterval(say, TELL_EVERY_MS)
  try {
    return await approvalWatch.wait({
      approvalId,
      agentId: caller.standing.agent.id,
      sessionId: caller.session.id,
      forMs: seconds * 1000,
      signal,
    })
  } finally {
    clearInterval(timer)
  }
}
