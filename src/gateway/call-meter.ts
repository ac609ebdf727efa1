import type { Decision } from '../policy/decision.schema.ts'

export const callStages = ['auth', 'identify', 'decide', 'record', 'effect', 'outcome'] as const
export type CallStage = (typeof callStages)[number]

/** Measures tool calls. The metrics adapter implements it. */
export interface CallMeter {
  start(): CallTimer
}

export interface CallTimer {
  /** Ends a stage: the time since the start or since the stage before. */
  stage(name: CallStage): void
  decided(decision: Decision): void
}
