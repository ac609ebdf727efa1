import { accessRoutes } from './access-routes.ts'
import { agentRoutes } from './agent-routes.ts'
import { apiKeyRoutes } from './api-key-routes.ts'
import { approvalRoutes } from './approval-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import { certificateRoutes } from './certificate-routes.ts'
import { groupRoutes } from './group-routes.ts'
import { hostRoutes } from './host-routes.ts'
import { killRoutes } from './kill-routes.ts'
import { personRoutes } from './person-routes.ts'
import { policyQuestionRoutes } from './policy-question-routes.ts'
import { policyRoutes } from './policy-routes.ts'
import { probeRoutes } from './probe-routes.ts'
import type { Route } from './route.ts'
import { secretRoutes } from './secret-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { sshSessionRoutes } from './ssh-session-routes.ts'
import { tokenRoutes } from './token-routes.ts'

/** Where the table is mounted. */
export const apiPrefix = '/api/v1'

/** The whole REST API. The router, OpenAPI and the table of who may do what are made from it. */
export const routes: readonly Route[] = [
  ...groupRoutes,
  ...personRoutes,
  ...apiKeyRoutes,
  ...agentRoutes,
  ...tokenRoutes,
  ...secretRoutes,
  ...hostRoutes,
  ...certificateRoutes,
  ...probeRoutes,
  ...sessionRoutes,
  ...sshSessionRoutes,
  ...approvalRoutes,
  ...killRoutes,
  ...accessRoutes,
  ...auditRoutes,
  ...policyRoutes,
  ...policyQuestionRoutes,
]
