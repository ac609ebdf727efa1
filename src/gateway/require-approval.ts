import { openApproval } from '../domain/approvals/open-approval.ts'
import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { EventDraft } from '../domain/audit/event.ts'
import type { InTransaction } from '../domain/work.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Fault } from '../kernel/fault.ts'
import { ok } from '../kernel/result.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided } from '../policy/policy-engine.ts'
import { spokenReason } from '../policy/speaker.ts'
import { agentDecisionType, decisionEntry } from './call-events.ts'
import { denied, type Step, trace } from './call-step.ts'
import type { ApprovalRequired, Denied } from './outcome.ts'

const RETRY_AFTER_MS = 5000

export interface RequireApprovalDeps {
  readonly auditLog: AuditLog
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly approvalDecideSeconds: number
}

export interface Approvable {
  readonly input: PolicyInput
  readonly decided: Decided
  readonly common: Omit<EventDraft, 'type'>
}

/**
 * Opens the approval that the policy asks for, or attaches to the one that waits, in the transaction of the decision event.
 * @returns what the agent is told; a denial when it has opened too many
 */
export async function requireApproval(
  deps: RequireApprovalDeps,
  step: Step,
  { input, decided, common }: Approvable,
): Promise<ApprovalRequired | Denied> {
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
  deps: RequireApprovalDeps,
  step: Step,
  { input, decided, common }: Approvable,
  refusal: Fault,
): Promise<Denied> {
  await deps.auditLog.append([
    decisionEntry(common, agentDecisionType('require_approval'), input, decided, refusal.code),
  ])
  step.progress.decisionId = input.call.id
  return denied(step, { code: refusal.code, message: refusal.message })
}
