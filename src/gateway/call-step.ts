import type { SpokenReason } from '../policy/speaker.ts'
import type { CallTimer } from './call-meter.ts'
import type { AgentCaller } from './caller.ts'
import type { Tell } from './hold.ts'
import type { Denied } from './outcome.ts'
import type { Tool } from './tool.ts'

/** How far a call came, for the one case in which it ends by an exception. */
export interface Progress {
  decisionId: string | null
  effect: 'none' | 'possible'
}

/** One tool call on its way through the guard. */
export interface Step {
  readonly caller: AgentCaller
  readonly tool: Tool
  readonly signal: AbortSignal
  /** Of the idempotency key; null when none was sent, or when repeating the call would repeat an effect. */
  readonly keyDigest: string | null
  /** 2 when an approval was decided while the call was held. */
  readonly attempt: 1 | 2
  /** Undefined for a client that does not want to be told while it waits. */
  readonly tell: Tell | undefined
  readonly progress: Progress
  readonly timer: CallTimer
}

export function denied(step: Step, { code, message }: Pick<SpokenReason, 'code' | 'message'>): Denied {
  return { ...trace(step), status: 'denied', code, message }
}

/** What every outcome carries. */
export function trace(step: Step): { requestId: string; decisionId: string | null } {
  return { requestId: step.caller.request.id, decisionId: step.progress.decisionId }
}
