import type { Middleware, ParameterizedContext } from 'koa'
import type { RequestFacts } from '../../gateway/caller.ts'

/** What the first middlewares establish about a request. */
export interface HttpState {
  request: RequestFacts
  /** The path's pattern, from a closed list, for the log and the metrics: a path itself could carry anything. */
  route: string
}

export type HttpContext = ParameterizedContext<HttpState>
export type HttpMiddleware = Middleware<HttpState>

/** The label of requests that no route took. */
export const unmatchedRoute = 'unmatched'
