import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { EventDraft } from '../domain/audit/event.ts'
import type { Fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import { callEvent } from './call-events.ts'
import { denied, type Progress, type Step, trace } from './call-step.ts'
import type { AgentCaller } from './caller.ts'
import type { Denied, Failed, Outcome } from './outcome.ts'
import type { PolicyDenial, Tool } from './tool.ts'

export interface FailureDeps {
  readonly auditLog: AuditLog
  readonly log: Log
  /** Turns whatever was thrown into a fault; a driver's error keeps its cause for the log. */
  readonly faultOf: (error: unknown) => Fault
}

/** Arguments that do not fit the tool's schema, on record before it is said. */
export async function refusedArguments(deps: FailureDeps, step: Step, problem: string): Promise<Failed> {
  const { caller, tool } = step
  await deps.auditLog.append([
    {
      event: {
        ...callEvent(caller, tool.name, { type: 'none' }),
        type: 'AI_AGENT_CALL_FAILED',
        outcome: 'failed',
        code: 'ARGUMENT_INVALID',
        details: { problem },
      },
    },
  ])
  return { ...trace(step), status: 'failed', code: 'ARGUMENT_INVALID', message: problem }
}

/** A call that ends without its effect, or whose effect is not released, on record before it is said. */
export async function failed(
  deps: FailureDeps,
  step: Step,
  common: Omit<EventDraft, 'type'>,
  refusal: Fault | PolicyDenial,
): Promise<Denied | Failed> {
  const { code, message } = refusal
  const isDenial = 'kind' in refusal
  const decisionId = step.progress.decisionId
  await deps.auditLog.append([
    { event: { ...common, type: 'AI_AGENT_CALL_FAILED', outcome: 'failed', code, decisionId } },
  ])
  step.timer.stage('outcome')
  if (!isDenial && (refusal.cause !== undefined || refusal.detail !== '')) {
    deps.log.warn('tool call failed', {
      tool: step.tool.name,
      code,
      detail: refusal.detail,
      requestId: step.caller.request.id,
      error: refusal.cause,
    })
  }
  return isDenial || code === 'GATEWAY_REVOKED' || code === 'GATEWAY_RESOURCE_CHANGED'
    ? denied(step, { code, message })
    : { ...trace(step), status: 'failed', code, message }
}

/** The guard's catch site: the log, the database or our own code broke. Nothing is released. */
export async function brokenOff(
  deps: FailureDeps,
  caller: AgentCaller,
  tool: Tool,
  progress: Progress,
  error: unknown,
): Promise<Outcome> {
  const broken = deps.faultOf(error)
  const traced = { requestId: caller.request.id, decisionId: progress.decisionId }
  deps.log.error('tool call broken off', {
    tool: tool.name,
    code: broken.code,
    effect: progress.effect,
    requestId: traced.requestId,
    error,
  })
  if (broken.code === 'GATEWAY_AUDIT_UNAVAILABLE' || broken.code === 'DATABASE_UNAVAILABLE') {
    const said = progress.effect === 'none' ? 'nothing was done' : 'the effect may have happened'
    return {
      ...traced,
      status: 'denied',
      code: 'GATEWAY_AUDIT_UNAVAILABLE',
      message: `Access denied. The audit log cannot be written; ${said}`,
    }
  }
  const event = {
    ...callEvent(caller, tool.name, { type: 'none' }),
    type: 'AI_AGENT_CALL_FAILED',
    outcome: 'failed',
    code: broken.code,
  } as const
  await deps.auditLog.append([{ event: { ...event, decisionId: progress.decisionId } }]).catch((cause: unknown) => {
    deps.log.error('the failure of a tool call could not be recorded', { requestId: traced.requestId, error: cause })
  })
  return { ...traced, status: 'failed', code: broken.code, message: broken.message }
}
