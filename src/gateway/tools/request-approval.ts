import type { FromSchema } from 'json-schema-to-ts'
import { openApproval } from '../../domain/approvals/open-approval.ts'
import type { InTransaction } from '../../domain/work.ts'
import { plainText } from '../../kernel/bounded-text.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { callDigest } from '../../policy/call-digest.ts'
import { callEvent } from '../call-events.ts'
import type { AgentCaller } from '../caller.ts'
import type { Guard } from '../guard.ts'
import { defineTool, type Tool } from '../tool.ts'

const toolName = 'certlocker_request_approval'

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['reason'],
  properties: {
    action: {
      type: 'object',
      additionalProperties: false,
      required: ['tool', 'arguments'],
      description: 'The call that is to be approved, exactly as it will be made. Either this or decision',
      properties: {
        tool: { type: 'string', minLength: 1, maxLength: 128, description: 'Name of the tool' },
        arguments: { type: 'object', 'x-sensitive': true, description: 'Its arguments' },
      },
    },
    decision: {
      type: 'object',
      additionalProperties: false,
      required: ['title', 'details'],
      'x-agent-text': true,
      description: 'A question about something outside the gateway: the answer is recorded and unlocks nothing',
      properties: {
        title: { type: 'string', minLength: 1, maxLength: 200, description: 'What is to be decided' },
        details: { type: 'string', maxLength: 4096, description: 'What has to be known to decide it' },
      },
    },
    reason: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      'x-agent-text': true,
      description: 'Why; shown to the approver as a claim of this agent',
    },
  },
} as const

const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['approvalStatus'],
  properties: {
    approvalStatus: { type: 'string', enum: ['not_required', 'pending', 'approved'] },
    approvalId: { type: 'string', description: 'For certlocker_get_approval; absent when none is required' },
    expiresAt: { type: 'string', format: 'date-time', description: 'Until then it can be decided or used' },
  },
} as const

export interface RequestApprovalDeps {
  readonly propose: Guard['propose']
  readonly toolNamed: (name: string) => Tool | undefined
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly approvalDecideSeconds: number
  readonly approvalUseSeconds: number
}

type Arguments = FromSchema<typeof argumentsSchema>
type Answer = FromSchema<typeof resultSchema>

/** Asks people ahead of a call, or about something that the gateway has no part in. Scope: `approval:request`. */
export function requestApproval(deps: RequestApprovalDeps): Tool {
  return defineTool<Arguments, Answer>({
    name: 'certlocker_request_approval',
    title: 'Ask for an approval',
    description:
      'Asks people to approve one tool call before it is made (action), or to decide something outside the gateway ' +
      '(decision). Then certlocker_get_approval tells what they said, and the approved call runs once.',
    action: 'approval.request',
    scopes: ['approval:request'],
    readOnly: false,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, arguments: { action: wanted, decision, reason } }) => {
      if ((wanted === undefined) === (decision === undefined))
        return err(fault('ARGUMENT_INVALID', { message: 'arguments need either action or decision' }))
      if (decision !== undefined) return openDecision(deps, caller, decision, plainText(reason))
      const tool = deps.toolNamed(wanted?.tool ?? '')
      if (wanted === undefined || tool === undefined)
        return err(fault('ARGUMENT_INVALID', { message: 'arguments/action/tool is no tool of this gateway' }))
      const proposed = await deps.propose(caller, tool, wanted.arguments, plainText(reason))
      if (!proposed.ok) return proposed
      const { status, ...more } = proposed.value
      return ok({ approvalStatus: status, ...more })
    },
  })
}

async function openDecision(
  deps: RequestApprovalDeps,
  caller: AgentCaller,
  { title, details }: NonNullable<Arguments['decision']>,
  reason: string,
): Promise<Result<Answer, ReturnType<typeof fault>>> {
  const { agent, token } = caller.standing
  const decision = { title: plainText(title), details: plainText(details) }
  const now = new Date(deps.clock.now())
  const identity = { agentId: agent.id, tool: toolName, arguments: { decision }, resourceId: '', resourceVersion: 0 }
  const opened = await deps.inTransaction((work) =>
    openApproval(work, {
      kind: 'decision',
      agentId: agent.id,
      ownerId: agent.ownerId,
      tokenId: token.id,
      sessionId: caller.session.id,
      callDigest: callDigest(identity),
      action: 'approval.request',
      tool: toolName,
      arguments: { decision },
      resource: null,
      groups: agent.groups,
      reason,
      reasons: [],
      requirement: {
        groups: agent.groups,
        roles: ['admin', 'approver'],
        quorum: 1,
        useSeconds: deps.approvalUseSeconds,
      },
      now,
      expiresAt: new Date(now.getTime() + deps.approvalDecideSeconds * 1000),
      denialSeconds: 0,
      insufficientId: undefined,
      common: callEvent(caller, toolName, { type: 'none' }),
    }),
  )
  if (!opened.ok) return opened
  const { id, expiresAt } = opened.value.approval
  return ok({ approvalStatus: 'pending', approvalId: id, expiresAt: expiresAt.toISOString() })
}
