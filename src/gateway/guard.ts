import type { EventDraft } from '../domain/audit/event.ts'
import type { DeedNames } from '../domain/history/activity-window.ts'
import { unfitness } from '../kernel/bounded-text.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import { err, type Result } from '../kernel/result.ts'
import type { Decided, PolicyEngine } from '../policy/policy-engine.ts'
import { spokenReason } from '../policy/speaker.ts'
import { agentQuestion, type QuestionDeps } from './agent-question.ts'
import { agentDecisionType, callEvent, decisionEntry } from './call-events.ts'
import type { CallMeter } from './call-meter.ts'
import { denied, type Progress, type Step, trace } from './call-step.ts'
import type { AgentCaller } from './caller.ts'
import { type Identified, identify, resourceFacts } from './identify.ts'
import { idempotencyKeyDigest } from './idempotency-key.ts'
import { applyToResult } from './obligations/apply-to-result.ts'
import { enforceable } from './obligations/enforceable.ts'
import type { SuspendByPolicy } from './obligations/suspend-agent.ts'
import { type GroundDeps, lostGround } from './lost-ground.ts'
import type { Denied, Failed, Outcome, Released } from './outcome.ts'
import type { ReleasedValues } from './released-values.ts'
import { recordDecision } from './record-decision.ts'
import { requireApproval, type RequireApprovalDeps } from './require-approval.ts'
import type { PreparedCall, Tool } from './tool.ts'

export interface GuardDeps extends QuestionDeps, RequireApprovalDeps, GroundDeps {
  readonly policy: PolicyEngine
  readonly released: ReleasedValues
  readonly suspendByPolicy: SuspendByPolicy
  readonly denials: 'explain' | 'opaque'
  readonly meter: CallMeter
  readonly log: Log
  /** Turns whatever was thrown into a fault; a driver's error keeps its cause for the log. */
  readonly faultOf: (error: unknown) => Fault
}

/** A call as the client sent it: nothing of it is believed. */
export interface SentCall {
  readonly arguments: unknown
  /** `_meta["certlocker/idempotencyKey"]`. */
  readonly idempotencyKey: unknown
}

/** The policy enforcement point (PEP): the one path from a question to its effect. */
export interface Guard {
  /**
   * Carries one tool call down the path. Resolves for every input; a bug ends as `failed` with code INTERNAL.
   * No effect happens without a durable decision, and no result is released without a durable outcome.
   */
  call(caller: AgentCaller, tool: Tool, sent: SentCall, signal: AbortSignal): Promise<Outcome>
}

export function createGuard(deps: GuardDeps): Guard {
  return {
    async call(caller, tool, sent, signal) {
      const progress: Progress = { decisionId: null, effect: 'none' }
      try {
        const step = { caller, tool, signal, keyDigest: null, progress, timer: deps.meter.start() }
        return await walk(deps, step, sent)
      } catch (error) {
        return brokenOff(deps, caller, tool, progress, error)
      }
    },
  }
}

async function walk(deps: GuardDeps, arrived: Step, sent: SentCall): Promise<Outcome> {
  const { caller, tool, timer } = arrived
  const prepared = prepare(deps, arrived, sent.arguments)
  if (!prepared.ok) return refusedArguments(deps, arrived, prepared.error)
  const key = idempotencyKeyDigest(sent.idempotencyKey)
  if (!key.ok) return refusedArguments(deps, arrived, key.error)
  const asked = { ...tool, action: prepared.value.action }
  const step: Step = { ...arrived, tool: asked, keyDigest: tool.isRepeatable ? key.value : null }

  const resource = await identify(deps.directory, caller.standing.agent.id, prepared.value.resource)
  timer.stage('identify')
  const { input, decided, release } = await decide(deps, step, prepared.value, resource)
  timer.stage('decide')
  timer.decided(decided.decision)
  const common = callEvent(caller, tool.name, resource)
  if (decided.decision.effect === 'deny' && resource.type === 'secret')
    deps.directory.denied(caller.standing.agent.id, resource.name)
  let isRecorded: boolean
  try {
    if (decided.decision.effect === 'require_approval') {
      const outcome = await requireApproval(deps, step, { input, decided, common })
      await deps.suspendByPolicy(caller, decided.decision)
      return outcome
    }
    const type = agentDecisionType(decided.decision.effect)
    isRecorded = await recordDecision(
      deps,
      step,
      input,
      decisionEntry(common, type, input, decided, speakerCode(decided)),
    )
  } finally {
    release()
  }
  if (!isRecorded) return askAgain(deps, { step: arrived, common }, sent)
  step.progress.decisionId = input.call.id
  timer.stage('record')
  await deps.suspendByPolicy(caller, decided.decision)
  if (decided.decision.effect === 'deny') return denied(step, spokenReason(decided.decision, deps.denials))

  return effect(deps, step, { prepared: prepared.value, resource, decided, common, decisionId: input.call.id })
}

function prepare({ released: values }: GuardDeps, { caller, tool }: Step, raw: unknown): Result<PreparedCall, string> {
  const unfit = unfitness(raw)
  return unfit === undefined ? tool.prepare(values.redact(caller.session.id, tool, raw)) : err(`arguments: ${unfit}`)
}

/** Another call spent the token meanwhile, which the policy did not know: it is told, if the caller still stands. */
async function askAgain(
  deps: GuardDeps,
  { step, common }: { readonly step: Step; readonly common: Omit<EventDraft, 'type'> },
  sent: SentCall,
): Promise<Outcome> {
  const { caller } = step
  const standing = await deps.standingOf(caller.standing.token.id, caller.session.id)
  if (standing === undefined) return failed(deps, step, common, fault('GATEWAY_REVOKED'))
  return walk(deps, { ...step, caller: { ...caller, standing } }, sent)
}

/** History, question and answer in one go; the answer counts in the agent's history until `release`, then on record. */
function decide(deps: GuardDeps, { caller, tool, keyDigest }: Step, prepared: PreparedCall, resource: Identified) {
  return deps.history.consult(caller.standing.agent.id, deps.clock.now(), (history, hold) => {
    const input = agentQuestion(deps, { caller, tool, arguments: prepared.arguments, resource, history, keyDigest })
    const { decision, policy } = deps.policy.decide(input)
    const decided: Decided = { decision: enforceable(decision, tool.action), policy }
    return { input, decided, release: hold(namesOf(decided, tool, resource)) }
  })
}

function namesOf({ decision }: Decided, { action }: Tool, resource: Identified): DeedNames {
  const facts = resourceFacts(resource)
  const isRead = decision.effect === 'allow' && action === 'secret.read'
  return {
    deniedName: decision.effect === 'deny' ? (facts?.name ?? '') : '',
    secretId: isRead ? (facts?.id ?? '') : '',
  }
}

interface Allowed {
  readonly prepared: PreparedCall
  readonly resource: Identified
  readonly decided: Decided
  readonly common: Omit<EventDraft, 'type'>
  readonly decisionId: string
}

async function effect(
  deps: GuardDeps,
  step: Step,
  { prepared, resource, decided, common, decisionId }: Allowed,
): Promise<Outcome> {
  const { caller, tool, signal, timer } = step
  const lostBefore = await lostGround(deps, caller, resource)
  if (lostBefore !== undefined) return failed(deps, step, common, lostBefore)

  step.progress.effect = 'possible'
  const ran = await prepared.run({ caller, resource, signal, decisionId })
  timer.stage('effect')
  const shaped = ran.ok ? applyToResult(decided.decision.obligations, ran.value) : ran
  if (!shaped.ok) return failed(deps, step, common, shaped.error)
  const lostMeanwhile = await lostGround(deps, caller, resource)
  if (lostMeanwhile !== undefined) return failed(deps, step, common, lostMeanwhile)

  await deps.auditLog.append([
    { event: { ...common, type: 'AI_AGENT_CALL_COMPLETED', outcome: 'ok', decisionId: step.progress.decisionId } },
  ])
  timer.stage('outcome')
  // The append brought word of everything committed before it, so what the last poll was too early for is known now.
  const lostAtLast = await lostGround(deps, caller, resource)
  if (lostAtLast !== undefined) return failed(deps, step, common, lostAtLast)
  deps.released.remember(caller.session.id, tool, shaped.value)
  return released(step, shaped.value)
}

async function refusedArguments(deps: GuardDeps, step: Step, problem: string): Promise<Failed> {
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

async function failed(
  deps: GuardDeps,
  step: Step,
  common: Omit<EventDraft, 'type'>,
  refusal: Fault,
): Promise<Denied | Failed> {
  const { code, message } = refusal
  const decisionId = step.progress.decisionId
  await deps.auditLog.append([
    { event: { ...common, type: 'AI_AGENT_CALL_FAILED', outcome: 'failed', code, decisionId } },
  ])
  step.timer.stage('outcome')
  if (refusal.cause !== undefined || refusal.detail !== '') {
    deps.log.warn('tool call failed', {
      tool: step.tool.name,
      code,
      detail: refusal.detail,
      requestId: step.caller.request.id,
      error: refusal.cause,
    })
  }
  return code === 'GATEWAY_REVOKED' || code === 'GATEWAY_RESOURCE_CHANGED'
    ? denied(step, { code, message })
    : { ...trace(step), status: 'failed', code, message }
}

/** The guard's catch site: the log, the database or our own code broke. Nothing is released. */
async function brokenOff(
  deps: GuardDeps,
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

function speakerCode({ decision }: Decided): string | null {
  return decision.effect === 'deny' ? spokenReason(decision, 'explain').code : null
}

function released(step: Step, result: Released['result']): Released {
  return { requestId: step.caller.request.id, decisionId: step.progress.decisionId, status: 'ok', result }
}
