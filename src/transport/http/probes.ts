import type { OperatorCaller, RequestFacts } from '../../gateway/caller.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { answerFault } from './error-boundary.ts'
import type { Readiness } from './health.ts'
import type { HttpMiddleware } from './http-context.ts'

export interface ProbeDeps {
  readonly readiness: () => Promise<Readiness>
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  /** From the `Authorization` header to who asks for the metrics. */
  readonly authenticate: (
    authorization: string | undefined,
    request: RequestFacts,
  ) => Promise<Result<OperatorCaller, Fault>>
}

/** What load balancers and monitoring ask: `/health/live`, `/health/ready` and, with an admin's key, `/metrics`. */
export function probes({ readiness, metrics, authenticate }: ProbeDeps): HttpMiddleware {
  const answers: { readonly [path: string]: HttpMiddleware } = {
    '/health/live': async (ctx) => {
      ctx.body = { live: true }
    },
    '/health/ready': async (ctx) => {
      const answer = await readiness()
      ctx.status = answer.ready ? 200 : 503
      ctx.body = answer
    },
    '/metrics': async (ctx) => {
      const caller = await authenticate(ctx.req.headers.authorization, ctx.state.request)
      if (!caller.ok) return answerFault(ctx, caller.error)
      if (caller.value.role !== 'admin')
        return answerFault(ctx, fault('ACCESS_DENIED', { message: 'Metrics are for admins' }))
      ctx.type = metrics.contentType
      ctx.body = await metrics.text()
    },
  }
  return async (ctx, next) => {
    const answer = Object.hasOwn(answers, ctx.path) ? answers[ctx.path] : undefined
    if (answer === undefined) {
      await next()
      return
    }
    ctx.state.route = ctx.path
    if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      await answer(ctx, next)
      return
    }
    ctx.set('Allow', 'GET, HEAD')
    answerFault(ctx, fault('METHOD_NOT_ALLOWED'))
  }
}
