import type { Fault } from '../../kernel/fault.ts'
import { fault } from '../../kernel/fault.ts'
import { faults } from '../../kernel/faults.ts'
import type { Log } from '../../kernel/log.ts'
import type { HttpContext, HttpMiddleware } from './http-context.ts'

export interface ErrorBoundaryDeps {
  /** Turns whatever was thrown into a fault; what nobody knows is INTERNAL. */
  readonly faultOf: (error: unknown) => Fault
  readonly log: Log
}

/** The body of every refusal: `{error: {code, message, requestId, details?}}`. */
export interface ErrorFacts {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly details?: object
}

/**
 * HTTP's catch site. A fault that was thrown becomes its answer; anything else is 500 INTERNAL with the request id only, and
 * the error in the log. A path that no route took, and a method that a path does not have, are answered in the same form.
 */
export function errorBoundary({ faultOf, log }: ErrorBoundaryDeps): HttpMiddleware {
  return async (ctx, next) => {
    try {
      await next()
      answerUnrouted(ctx)
    } catch (error) {
      const known = faultOf(error)
      const { request, route } = ctx.state
      const level = faults[known.code].http >= 500 ? 'error' : 'debug'
      log[level]('request failed', { code: known.code, detail: known.detail, route, requestId: request.id, error })
      // Also when whoever threw had taken over the answer: nobody else gives one now.
      ctx.respond = !ctx.headerSent
      if (ctx.headerSent) ctx.res.destroy()
      else answerFault(ctx, known)
    }
  }
}

/** Answers a fault with the status and text of its table. */
export function answerFault(ctx: HttpContext, { code, message }: Fault): void {
  answerError(ctx, { status: faults[code].http, code, message })
}

export function answerError(ctx: HttpContext, { status, code, message, details }: ErrorFacts): void {
  ctx.status = status
  if (status === 401) ctx.set('WWW-Authenticate', 'Bearer realm="certlocker"')
  ctx.body = {
    error: { code, message, requestId: ctx.state.request.id, ...(details === undefined ? {} : { details }) },
  }
}

function answerUnrouted(ctx: HttpContext): void {
  if (ctx.respond === false || ctx.headerSent || (ctx.body !== undefined && ctx.body !== null && ctx.body !== ''))
    return
  if (ctx.status === 404) answerFault(ctx, fault('NOT_FOUND', { message: 'There is nothing at this path' }))
  // 501 is the router's word for a method that no path has.
  if (ctx.status === 405 || ctx.status === 501) answerFault(ctx, fault('METHOD_NOT_ALLOWED'))
}
