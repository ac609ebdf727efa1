import type { EventDraft } from '../domain/audit/event.ts'
import { unfitness } from '../kernel/bounded-text.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided, PolicyEngine } from '../policy/policy-engine.ts'
import { spokenReason } from '../policy/speaker.ts'
import { type ApprovalFact, type ApprovalFactDeps, approvalFact } from './approval-fact.ts'
import { agentQuestion, type QuestionDeps } from './agent-question.ts'
import { agentDecisionType, callEvent, decisionEntry } from './call-events.ts'
import { brokenOff, type FailureDeps, failed, refusedArguments } from './call-failures.ts'
import type { CallMeter } from './call-meter.ts'
import { denied, type Progress, type Step } from './call-step.ts'
import type { AgentCaller } from './caller.ts'
import { hold, type HoldDeps, holdSeconds, type Tell } from './hold.ts'
import { type Identified, identify } from './identify.ts'
import type { IdentifyProbe } from './identify-probe.ts'
import { idempotencyKeyDigest } from './idempotency-key.ts'
import { applyToResult } from './obligations/apply-to-result.ts'
import { deedNames } from './deed-names.ts'
import { enforceable } from './obligations/enforceable.ts'
import type { SuspendByPolicy } from './obligations/suspend-agent.ts'
import { type GroundDeps, lostGround } from './lost-ground.ts'
import type { ApprovalRequired, Outcome, Released } from './outcome.ts'
import type { LiveWork } from './live-work.ts'
import type { ReleasedValues } from './released-values.ts'
import { recordDecision } from './record-decision.ts'
import { requireApproval, type RequireApprovalDeps } from './require-approval.ts'
import type { PolicyDenial, PreparedCall, Tool } from './tool.ts'

export interface GuardDeps
  extends QuestionDeps,
    RequireApprovalDeps,
    GroundDeps,
    HoldDeps,
    FailureDeps,
    Omit<ApprovalFactDeps, 'clock'> {
  readonly policy: PolicyEngine
  readonly released: ReleasedValues
  readonly identifyProbe: IdentifyProbe
  readonly live: LiveWork
  readonly suspendByPolicy: SuspendByPolicy
  readonly denials: 'explain' | 'opaque'
  readonly meter: CallMeter
}

/** A call as the client sent it: nothing of it is believed. */
export interface SentCall {
  readonly arguments: unknown
  /** `_meta["certlocker/idempotencyKey"]`. */
  readonly idempotencyKey: unknown
  /** Left out for a client that does not want to be told while it waits. */
  readonly tell?: Tell | undefined
}

/** What came of asking for an approval ahead of the call. */
export interface Proposed {
  readonly status: 'not_required' | 'pending' | 'approved'
  readonly approvalId?: string
  /** ISO 8601: until then it can be decided, or, once approved, used. */
  readonly expiresAt?: string
}

/** The policy enforcement point (PEP): the one path from a question to its effect. */
export interface Guard {
  /**
   * Carries one tool call down the path. Resolves for every input; a bug ends as `failed` with code INTERNAL.
   * No effect happens without a durable decision, and no result is released without a durable outcome.
   */
  call(caller: AgentCaller, tool: Tool, sent: SentCall, signal: AbortSignal): Promise<Outcome>

  /**
   * Asks for the approval that a call would need, without the call. What the policy would allow changes nothing.
   * @param reason why the agent asks, in its own words
   * @returns the policy's denial where it would deny; ARGUMENT_INVALID; what else may refuse an approval
   */
  propose(
    caller: AgentCaller,
    tool: Tool,
    raw: unknown,
    reason: string,
  ): Promise<Result<Proposed, Fault | PolicyDenial>>
}

export function createGuard(deps: GuardDeps): Guard {
  return {
    async call(caller, tool, sent, signal) {
      const step = stepOf(deps, { caller, tool, signal, tell: sent.tell })
      try {
        return await walk(deps, step, sent)
      } catch (error) {
        return brokenOff(deps, caller, tool, step.progress, error)
      }
    },
    propose: (caller, tool, raw, reason) => {
      const signal = new AbortController().signal
      return propose(deps, stepOf(deps, { caller, tool, signal, tell: undefined }), raw, reason)
    },
  }
}

function stepOf({ meter }: GuardDeps, call: Pick<Step, 'caller' | 'tool' | 'signal' | 'tell'>): Step {
  const progress: Progress = { decisionId: null, effect: 'none' }
  return { ...call, attempt: 1, keyDigest: null, progress, timer: meter.start() }
}

async function walk(deps: GuardDeps, arrived: Step, sent: SentCall): Promise<Outcome> {
  const { caller, tool, timer } = arrived
  const prepared = prepare(deps, arrived, sent.arguments)
  if (!prepared.ok) return refusedArguments(deps, arrived, prepared.error)
  const key = idempotencyKeyDigest(sent.idempotencyKey)
  if (!key.ok) return refusedArguments(deps, arrived, key.error)
  const asked = { ...tool, action: prepared.value.action }
  const step: Step = { ...arrived, tool: asked, keyDigest: tool.isRepeatable ? key.value : null }

  const { resource, input, decided, release, common } = await question(deps, step, prepared.value)
  timer.decided(decided.decision)
  let isRecorded = true
  let waiting: ApprovalRequired | undefined
  try {
    if (decided.decision.effect === 'require_approval') {
      const outcome = await requireApproval(deps, step, { input, decided, common })
      await deps.suspendByPolicy(caller, decided.decision)
      if (outcome.status !== 'approval_required') return outcome
      waiting = outcome
    } else {
      const type = agentDecisionType(decided.decision.effect)
      const entry = decisionEntry(common, type, input, decided, speakerCode(decided))
      isRecorded = await recordDecision(deps, step, input, entry)
    }
  } finally {
    release()
  }
  if (waiting !== undefined) return held(deps, { step: arrived, common }, sent, waiting)
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

interface Arrived {
  readonly step: Step
  readonly common: Omit<EventDraft, 'type'>
}

/** Waits a while for people; once they have decided, the same call goes on with what they said. */
async function held(deps: GuardDeps, { step, common }: Arrived, sent: SentCall, waiting: ApprovalRequired) {
  if (step.attempt === 2) return waiting
  const { caller, signal, tell } = step
  const seconds = holdSeconds(deps, tell)
  const end = await hold(deps, { caller, approvalId: waiting.approvalId, seconds, signal, tell })
  if (end === 'nothing' || end === 'expired' || end === 'consumed') return waiting
  return askAgain(deps, { step: { ...step, attempt: 2 }, common }, sent)
}

/** What the policy did not know has happened meanwhile: it is told, if the caller still stands. */
async function askAgain(deps: GuardDeps, { step, common }: Arrived, sent: SentCall): Promise<Outcome> {
  const { caller } = step
  const standing = await deps.standingOf(caller.standing.token.id, caller.session.id)
  if (standing === undefined) return failed(deps, step, common, fault('GATEWAY_REVOKED'))
  return walk(deps, { ...step, caller: { ...caller, standing } }, sent)
}

async function propose(
  deps: GuardDeps,
  step: Step,
  raw: unknown,
  reason: string,
): Promise<Result<Proposed, Fault | PolicyDenial>> {
  const prepared = prepare(deps, step, raw)
  if (!prepared.ok) return err(fault('ARGUMENT_INVALID', { message: `action.${prepared.error}` }))
  const { input, decided, release, common } = await question(deps, step, prepared.value)
  try {
    const { decision } = decided
    if (decision.effect === 'allow') return ok(allowedAlready(input.approval))
    if (decision.effect === 'deny') {
      const type = agentDecisionType('deny')
      await deps.auditLog.append([decisionEntry(common, type, input, decided, speakerCode(decided))])
      await deps.suspendByPolicy(step.caller, decision)
      return err({ kind: 'policy_denial', ...spokenReason(decision, deps.denials) })
    }
    const outcome = await requireApproval(deps, step, { input, decided, common, reason })
    await deps.suspendByPolicy(step.caller, decision)
    if (outcome.status === 'denied') return err({ kind: 'policy_denial', ...outcome })
    return ok({ status: 'pending', approvalId: outcome.approvalId, expiresAt: outcome.expiresAt })
  } finally {
    release()
  }
}

function allowedAlready({ status, id, useBeforeUnixMs }: PolicyInput['approval']): Proposed {
  if (status !== 'approved') return { status: 'not_required' }
  return { status, approvalId: id, expiresAt: new Date(useBeforeUnixMs).toISOString() }
}

/** Which resource, what the policy says, and what the events of the call have in common. */
async function question(deps: GuardDeps, step: Step, prepared: PreparedCall) {
  const { caller, tool, timer } = step
  const agentId = caller.standing.agent.id
  const { resource: named } = prepared
  const resource = await identify(deps.directory, agentId, named, (probe) => deps.identifyProbe(caller, probe))
  timer.stage('identify')
  const asked = await decide(deps, step, prepared, resource)
  timer.stage('decide')
  if (asked.decided.decision.effect === 'deny' && resource.type === 'secret')
    deps.directory.denied(agentId, resource.name)
  return { ...asked, resource, common: callEvent(caller, tool.name, resource) }
}

/** What people decided is looked up only for a call that needs it, and only what is told with it is on record. */
async function decide(deps: GuardDeps, step: Step, prepared: PreparedCall, resource: Identified) {
  const first = await ask(deps, step, prepared, resource)
  if (first.decided.decision.effect !== 'require_approval') return first
  let isLast = false
  try {
    const approval = await approvalFact(deps, step.caller, first.input.call.digest)
    isLast = approval === undefined
    return approval === undefined ? first : await ask(deps, step, prepared, resource, approval)
  } finally {
    if (!isLast) first.release()
  }
}

/** History, question and answer in one go; the answer counts in the agent's history until `release`, then on record. */
function ask(
  deps: GuardDeps,
  { caller, tool, keyDigest, attempt }: Step,
  prepared: PreparedCall,
  resource: Identified,
  approval?: ApprovalFact,
) {
  return deps.history.consult(caller.standing.agent.id, deps.clock.now(), (history, hold) => {
    const facts = prepared.facts(resource)
    const call = { caller, tool, arguments: prepared.arguments, resource, history, keyDigest, approval, attempt }
    const input = agentQuestion(deps, { ...call, facts })
    const { decision, policy } = deps.policy.decide(input)
    const decided: Decided = { decision: enforceable(decision, tool.action), policy }
    return { input, decided, release: hold(deedNames(decided, tool, resource)) }
  })
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
  const { caller, tool, signal, tell, timer } = step
  const lostBefore = await lostGround(deps, caller, resource)
  if (lostBefore !== undefined) return failed(deps, step, common, lostBefore)

  step.progress.effect = 'possible'
  const ran = await deps.live.run(caller, signal, (live) =>
    prepared.run({ caller, resource, obligations: decided.decision.obligations, decisionId, signal: live, tell }),
  )
  timer.stage('effect')
  const shaped = ran.ok ? applyToResult(decided.decision.obligations, ran.value) : ran
  const lostMeanwhile = await lostGround(deps, caller, resource)
  if (lostMeanwhile !== undefined) return failed(deps, step, common, lostMeanwhile)
  if (!shaped.ok) return failed(deps, step, common, shaped.error)

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

function speakerCode({ decision }: Decided): string | null {
  return decision.effect === 'deny' ? spokenReason(decision, 'explain').code : null
}

function released(step: Step, result: Released['result']): Released {
  return { requestId: step.caller.request.id, decisionId: step.progress.decisionId, status: 'ok', result }
}
