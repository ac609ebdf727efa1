import { type ApprovalStatus, approvalStatuses, approvalView } from '../../domain/approvals/approval.ts'
import { approvalSchema } from '../../domain/approvals/approval.schema.ts'
import { ok } from '../../kernel/result.ts'
import { agentFilter, groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { queryShape } from './validate.ts'

const status = { enum: approvalStatuses, description: 'How far it came', examples: ['pending'] } as const

type ApprovalQuery = PageQuery & { readonly status?: ApprovalStatus; readonly agent?: string; readonly group?: string }

export const approvalRoutes: readonly Route[] = [
  defineRoute({
    id: 'listApprovals',
    method: 'GET',
    path: '/approvals',
    action: 'approval.list',
    summary:
      'List calls that wait or waited for people, for resources in the groups of the caller; admins and auditors see all',
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
    summary: 'Show a call that waits or waited for people',
    response: approvalSchema,
    find: async ({ stores }, { id }) => {
      const approval = await stores.approvals.find(id)
      if (approval === undefined) return missing('approval', id)
      const facts = { type: 'approval', id, name: id, groups: approval.resource?.groups ?? [], exists: true }
      return ok({ resource: await resourceInGroups(stores, facts), subject: approval })
    },
    handle: async (_deps, _by, _request, approval) => ok(approvalView(approval)),
  }),
]
