import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { EventDraft } from '../domain/audit/event.ts'
import { openApproval } from '../domain/approvals/open-approval.ts'
import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { TokenStanding } from '../domain/tokens/token-standing.ts'
import type { InTransaction } from '../domain/work.ts'
import { unfitness } from '../kernel/bounded-text.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import { err, ok } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided, PolicyEngine } from '../policy/policy-engine.ts'
import { type SpokenReason, spokenReason } from '../policy/speaker.ts'
import { agentQuestion, type QuestionDeps } from './agent-question.ts'
import { agentDecisionType, callEvent, decisionEntry } from './call-events.ts'
import type { CallMeter } from './call-meter.ts'
import type { AgentCaller } from './caller.ts'
import { type Directory, type Identified, identify } from './identify.ts'
import { applyToResult } from './obligations/apply-to-result.ts'
import { enforceable } from './obligations/enforceable.ts'
import type { SuspendByPolicy } from './obligations/suspend-agent.ts'
import type { ApprovalRequired, Denied, Failed, Outcome, Released } from './outcome.ts'
import type { ReleasedValues } from './released-values.ts'
import { stillStands } from './standing.ts'
import type { PreparedCall, Tool } from './tool.ts'

export interface GuardDeps extends QuestionDeps {
  readonly policy: PolicyEngine
  readonly auditLog: AuditLog
  readonly inTransaction: InTransaction
  readonly authority: AuthorityWatch
  readonly standingOf: (tokenId: string) => Promise<TokenStanding | undefined>
  readonly directory: Directory
  readonly released: ReleasedValues
  readonly suspendByPolicy: SuspendByPolicy
  readonly denials: 'explain' | 'opaque'
  readonly approvalDecideSeconds: number
  readonly meter: CallMeter
  readonly log: Log
  /** Turns whatever was thrown into a fault; a driver's error keeps its cause for the log. */
  readonly faultOf: (error: unknown) => Fault
}

/** The policy enforcement point (PEP): the one path from a question to its effect. */
export interface Guard {
  /**
   * Carries one tool call down the path. Resolves for every input; a bug ends as `failed` with code INTERNAL.
   * No effect happens without a durable decision, and no result is released without a durable outcome.
   */
  call(caller: AgentCaller, tool: Tool, raw: unknown, signal: AbortSignal): Promise<Outcome>
}

const RETRY_AFTER_MS = 5000

export function createGuard(deps: GuardDeps): Guard {
  return {
    async call(caller, tool, raw, signal) {
      const progress: Progress = { decisionId: null, effect: 'none' }
      try {
        return await walk(deps, { caller, tool, signal, progress, timer: deps.meter.start() }, raw)
      } catch (error) {
        return brokenOff(deps, caller, tool, progress, error)
      }
    },
  }
}

/** How far a call came, for the one case in which it ends by an exception. */
interface Progress {
  decisionId: string | null
  effect: 'none' | 'possible'
}

interface Step {
  readonly caller: AgentCaller
  readonly tool: Tool
  readonly signal: AbortSignal
  readonly progress: Progress
  readonly timer: ReturnType<CallMeter['start']>
}

async function walk(deps: GuardDeps, step: Step, raw: unknown): Promise<Outcome> {
  const { caller, tool, timer } = step
  const unfit = unfitness(raw)
  const prepared =
    unfit === undefined ? tool.prepare(deps.released.redact(caller.session.id, tool, raw)) : err(`arguments: ${unfit}`)
  if (!prepared.ok) return refusedArguments(deps, step, prepared.error)

  const resource = await identify(deps.directory, prepared.value.resource)
  timer.stage('identify')
  const input = await agentQuestion(deps, caller, tool, prepared.value.arguments, resource)
  const decided = decide(deps, tool, input)
  timer.stage('decide')
  timer.decided(decided.decision)

  const common = callEvent(caller, tool.name, resource)
  if (decided.decision.effect === 'require_approval') {
    const outcome = await requireApproval(deps, step, { input, decided, common, resource })
    await deps.suspendByPolicy(caller, decided.decision)
    return outcome
  }
  const spoken = decided.decision.effect === 'deny' ? spokenReason(decided.decision, deps.denials) : undefined
  await deps.auditLog.append([
    decisionEntry(common, agentDecisionType(decided.decision.effect), input, decided, speakerCode(decided)),
  ])
  step.progress.decisionId = input.call.id
  timer.stage('record')
  await deps.suspendByPolicy(caller, decided.decision)
  if (spoken !== undefined) return denied(step, spoken)

  return effect(deps, step, { prepared: prepared.value, resource, decided, common })
}

function decide(deps: GuardDeps, tool: Tool, input: PolicyInput): Decided {
  const { decision, policy } = deps.policy.decide(input)
  return { decision: enforceable(decision, tool.action), policy }
}

interface Allowed {
  readonly prepared: PreparedCall
  readonly resource: Identified
  readonly decided: Decided
  readonly common: Omit<EventDraft, 'type'>
}

async function effect(deps: GuardDeps, step: Step, { prepared, resource, decided, common }: Allowed): Promise<Outcome> {
  const { caller, tool, signal, timer } = step
  if (!(await stillStands(deps, caller))) return failed(deps, step, common, fault('GATEWAY_REVOKED'))

  step.progress.effect = 'possible'
  const ran = await prepared.run({ caller, resource, signal })
  timer.stage('effect')
  const shaped = ran.ok ? applyToResult(decided.decision.obligations, ran.value) : ran
  if (!shaped.ok) return failed(deps, step, common, shaped.error)
  if (!(await stillStands(deps, caller))) return failed(deps, step, common, fault('GATEWAY_REVOKED'))

  await deps.auditLog.append([
    { event: { ...common, type: 'AI_AGENT_CALL_COMPLETED', outcome: 'ok', decisionId: step.progress.decisionId } },
  ])
  timer.stage('outcome')
  deps.released.remember(caller.session.id, tool, shaped.value)
  return released(step, shaped.value)
}

interface Approvable {
  readonly input: PolicyInput
  readonly decided: Decided
  readonly common: Omit<EventDraft, 'type'>
  readonly resource: Identified
}

async function requireApproval(deps: GuardDeps, step: Step, { input, decided, common }: Approvable): Promise<Outcome> {
  const { caller, tool } = step
  const spoken = spokenReason(decided.decision, 'explain')
  const opened = await deps.inTransaction(async (work) => {
    work.record(decisionEntry(common, agentDecisionType('require_approval'), input, decided, spoken.code))
    const approval = await openApproval(work, {
      agentId: caller.standing.agent.id,
      tokenId: caller.standing.token.id,
      sessionId: caller.session.id,
      callDigest: input.call.digest,
      action: tool.action,
      tool: tool.name,
      arguments: input.arguments,
      resource: common.resource ?? null,
      reasons: decided.decision.reasons.map(({ code, title }) => ({ code, title })),
      requirement: decided.decision.approval,
      now: new Date(deps.clock.now()),
      expiresAt: new Date(deps.clock.now() + deps.approvalDecideSeconds * 1000),
      common,
    })
    return approval.ok ? ok(approval.value.approval) : approval
  })
  step.timer.stage('record')
  if (!opened.ok) return refusedApproval(deps, step, { input, decided, common }, opened.error)
  step.progress.decisionId = input.call.id
  const expiresAt = opened.value.expiresAt.toISOString()
  return {
    ...trace(step),
    status: 'approval_required',
    code: spoken.code,
    message: `${spoken.title}. Approval ${opened.value.id} waits for a decision until ${expiresAt}; call again with the same arguments.`,
    approvalId: opened.value.id,
    expiresAt,
    retryAfterMs: RETRY_AFTER_MS,
  } satisfies ApprovalRequired
}

/** The agent may not open another approval: the decision is on record all the same, and the answer is a denial. */
async function refusedApproval(
  deps: GuardDeps,
  step: Step,
  { input, decided, common }: Omit<Approvable, 'resource'>,
  refusal: Fault,
): Promise<Denied> {
  await deps.auditLog.append([
    decisionEntry(common, agentDecisionType('require_approval'), input, decided, refusal.code),
  ])
  step.progress.decisionId = input.call.id
  return denied(step, { code: refusal.code, message: refusal.message })
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
  return code === 'GATEWAY_REVOKED'
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

function denied(step: Step, { code, message }: Pick<SpokenReason, 'code' | 'message'>): Denied {
  return { ...trace(step), status: 'denied', code, message }
}

function released(step: Step, result: Released['result']): Released {
  return { requestId: step.caller.request.id, decisionId: step.progress.decisionId, status: 'ok', result }
}

function trace(step: Step): { requestId: string; decisionId: string | null } {
  return { requestId: step.caller.request.id, decisionId: step.progress.decisionId }
}
