import { type ApprovalStatus, approvalStatuses, type Verdict } from '../../domain/approvals/approval.ts'
import {
  type ApprovalComment,
  approvalCommentSchema,
  approvalSchema,
  approvalSummarySchema,
} from '../../domain/approvals/approval.schema.ts'
import { approvalSummary, approvalView } from '../../domain/approvals/approval-view.ts'
import { decideApproval } from '../../domain/approvals/decide-approval.ts'
import { ok } from '../../kernel/result.ts'
import { agentFilter, groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const SIMILAR_MAX = 5

const status = { enum: approvalStatuses, description: 'How far it came', examples: ['pending'] } as const

type ApprovalQuery = PageQuery & { readonly status?: ApprovalStatus; readonly agent?: string; readonly group?: string }

export const approvalRoutes: readonly Route[] = [
  defineRoute({
    id: 'listApprovals',
    method: 'GET',
    path: '/approvals',
    action: 'approval.list',
    summary:
      'List what waits or waited for people, for resources in the groups of the caller; admins and auditors see all',
    query: queryShape<ApprovalQuery>(listQuery({ status, agent: agentFilter, group: groupFilter })),
    response: listOf(approvalSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const filter = {
        ...(await groupsToList(stores, caller, query.group)),
        ...(query.status === undefined ? {} : { status: query.status }),
        ...(query.agent === undefined ? {} : { agent: query.agent }),
      }
      return mapOk(await stores.approvals.list(filter, pageOf(query)), ({ items, nextCursor }) => ({
        items: items.map(approvalView),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'getApproval',
    method: 'GET',
    path: '/approvals/:id',
    action: 'approval.read',
    summary: 'Show what waits or waited for people: the facts to decide on, and how the same was decided before',
    response: approvalSummarySchema,
    find: findApproval,
    handle: async ({ stores }, _by, { caller }, approval) => {
      const filter = { limit: SIMILAR_MAX, ...(await groupsToList(stores, caller, undefined)) }
      return ok(approvalSummary(approval, await stores.approvals.similarTo(approval, filter)))
    },
  }),
  defineRoute({
    id: 'approveApproval',
    method: 'POST',
    path: '/approvals/:id/approve',
    action: 'approval.approve',
    summary: "Approve: a person in one of its groups, never the agent's owner or launcher nor with a key of theirs",
    body: bodyShape<ApprovalComment>(approvalCommentSchema),
    response: approvalSchema,
    errors: ['APPROVER_CONFLICT', 'STATE_CONFLICT'],
    find: findApproval,
    handle: decide('approve'),
  }),
  defineRoute({
    id: 'denyApproval',
    method: 'POST',
    path: '/approvals/:id/deny',
    action: 'approval.deny',
    summary: 'Deny: one denial decides, and the same call stays denied for a while',
    body: bodyShape<ApprovalComment>(approvalCommentSchema),
    response: approvalSchema,
    errors: ['APPROVER_CONFLICT', 'STATE_CONFLICT'],
    find: findApproval,
    handle: decide('deny'),
  }),
]

async function findApproval({ stores }: RestDeps, { id }: { readonly id: string }) {
  const approval = await stores.approvals.find(id)
  if (approval === undefined) return missing('approval', id)
  const facts = { type: 'approval', id, name: id, groups: approval.groups, exists: true }
  return ok({ resource: await resourceInGroups(stores, facts), subject: approval })
}

function decide(verdict: Verdict) {
  return async (
    deps: RestDeps,
    by: Parameters<typeof decideApproval>[1],
    { body: { comment = '' } }: { readonly body: ApprovalComment },
    { id }: { readonly id: string },
  ) => mapOk(await decideApproval(deps, by, { id, verdict, comment }), approvalView)
}
