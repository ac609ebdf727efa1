import type { FromSchema } from 'json-schema-to-ts'
import { approvalStatuses } from '../../domain/approvals/approval.ts'
import type { ApprovalStore } from '../../domain/approvals/approval-store.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { hold, type HoldDeps } from '../hold.ts'
import { defineTool, type Tool } from '../tool.ts'

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['approvalId'],
  properties: {
    approvalId: { type: 'string', pattern: '^apr_[0-9a-z]{1,40}$', description: 'As it was given to this agent' },
    waitSeconds: {
      type: 'integer',
      minimum: 0,
      maximum: 50,
      description: 'For so long the answer may wait for a decision; 0 when left out',
    },
  },
} as const

const time = { type: ['string', 'null'], format: 'date-time' } as const
const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['approvalId', 'approvalStatus', 'decidedAt', 'useBefore'],
  properties: {
    approvalId: { type: 'string' },
    approvalStatus: { type: 'string', enum: approvalStatuses },
    decidedAt: { ...time, description: 'When people decided' },
    useBefore: { ...time, description: 'Until then the approved call runs, once' },
  },
} as const

/** What became of an approval that this agent asked for. Scope: `approval:request`. */
export function getApproval(
  deps: Pick<HoldDeps, 'approvalWatch'> & { readonly approvals: Pick<ApprovalStore, 'find'> },
): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_get_approval',
    title: 'Look up an approval',
    description: 'Tells what people decided about an approval of this agent, and can wait for it (waitSeconds).',
    action: 'approval.read',
    scopes: ['approval:request'],
    readOnly: true,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, signal, tell, arguments: { approvalId, waitSeconds: seconds = 0 } }) => {
      const find = async () => {
        const approval = await deps.approvals.find(approvalId)
        return approval?.agent.id === caller.standing.agent.id ? approval : undefined
      }
      let approval = await find()
      if (approval?.status === 'pending' && seconds > 0) {
        await hold(deps, { caller, approvalId, seconds, signal, tell })
        approval = await find()
      }
      if (approval === undefined) return err(fault('NOT_FOUND', { message: 'This agent has no such approval' }))
      const { status, decidedAt, useBefore } = approval
      const times = { decidedAt: decidedAt?.toISOString() ?? null, useBefore: useBefore?.toISOString() ?? null }
      return ok({ approvalId, approvalStatus: status, ...times })
    },
  })
}
