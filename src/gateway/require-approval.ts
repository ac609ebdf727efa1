import { openApproval } from '../domain/approvals/open-approval.ts'
import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { EventDraft } from '../domain/audit/event.ts'
import type { InTransaction } from '../domain/work.ts'
import { plainText } from '../kernel/bounded-text.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { err, ok } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided } from '../policy/policy-engine.ts'
import { spokenReason } from '../policy/speaker.ts'
import { agentDecisionType, decisionEntry } from './call-events.ts'
import { denied, type Step, trace } from './call-step.ts'
import type { ApprovalRequired, Denied } from './outcome.ts'
import { type StandingOf, standsNow } from './standing.ts'

const RETRY_AFTER_MS = 5000

export interface RequireApprovalDeps {
  readonly auditLog: AuditLog
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly approvalDecideSeconds: number
  readonly approvalUseSeconds: number
}

export interface Approvable {
  readonly input: PolicyInput
  readonly decided: Decided
  readonly common: Omit<EventDraft, 'type'>
  /** Why the agent asks, in its own words. */
  readonly reason?: string
}

/**
 * Opens the approval that the policy asks for, or attaches to the one that waits, in the transaction of the decision event.
 * @returns what the agent is told; a denial when it has opened too many, or was stopped since the policy decided
 */
export async function requireApproval(
  deps: RequireApprovalDeps,
  step: Step,
  { input, decided, common, reason = reasonIn(input.arguments) }: Approvable,
): Promise<ApprovalRequired | Denied> {
  const { caller, tool } = step
  const spoken = spokenReason(decided.decision, 'explain')
  const opened = await deps.inTransaction(async (work) => {
    work.record(decisionEntry(common, agentDecisionType('require_approval'), input, decided, spoken.code))
    const { resource = null } = common
    const approval = await openApproval(work, {
      kind: 'call',
      agentId: caller.standing.agent.id,
      ownerId: caller.standing.agent.ownerId,
      tokenId: caller.standing.token.id,
      sessionId: caller.session.id,
      callDigest: input.call.digest,
      action: tool.action,
      tool: tool.name,
      arguments: input.arguments,
      resource,
      groups: resource === null ? caller.standing.agent.groups : resource.groups,
      reason,
      reasons: decided.decision.reasons.map(({ code, title }) => ({ code, title })),
      requirement: decided.decision.approval,
      now: new Date(deps.clock.now()),
      expiresAt: new Date(deps.clock.now() + deps.approvalDecideSeconds * 1000),
      denialSeconds: deps.approvalUseSeconds,
      insufficientId: input.approval.status === 'approved' ? input.approval.id : undefined,
      common,
    })
    if (!approval.ok) return approval
    // Asked after the insert: its foreign keys have waited for whoever was stopping the agent, the token or the session.
    const standingOf: StandingOf = (tokenId, sessionId) => work.tokens.standingOf(tokenId, sessionId)
    const stands = await standsNow(standingOf, caller, deps.clock.now())
    return stands ? ok(approval.value.approval) : err(fault('GATEWAY_REVOKED'))
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

/** What a call says for itself, which people are shown as a claim and not as one of its facts. */
function reasonIn({ reason }: PolicyInput['arguments']): string {
  return typeof reason === 'string' ? plainText(reason) : ''
}

/** The agent may not open this approval: the decision is on record all the same, and the answer is a denial. */
async function refusedApproval(
  deps: RequireApprovalDeps,
  step: Step,
  { input, decided, common }: Approvable,
  refusal: Fault,
): Promise<Denied> {
  const { code, message } = refusal
  const decisionId = input.call.id
  const decision = decisionEntry(common, agentDecisionType('require_approval'), input, decided, code)
  const stopped = { event: { ...common, type: 'AI_AGENT_CALL_FAILED', outcome: 'failed', code, decisionId } } as const
  await deps.auditLog.append(code === 'GATEWAY_REVOKED' ? [decision, stopped] : [decision])
  step.progress.decisionId = decisionId
  return denied(step, { code, message })
}
