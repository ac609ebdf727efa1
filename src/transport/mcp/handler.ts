import type { Handler, HandlerDeps } from './handler-types.ts'
import { answerPlainCall } from './plain-answer.ts'
import { plainCall } from './plain-call.ts'
import { createSdkHandler } from './sdk-handler.ts'

/** The usual call is answered directly; everything else, and every protocol error, by the official SDK. */
export function createHandler(deps: HandlerDeps): Handler {
  const viaSdk = createSdkHandler(deps)
  const tools = new Map(deps.catalog.map((tool) => [tool.name, tool]))
  return async (caller, req, res, body) => {
    const call = plainCall(req.headers, body, tools)
    if (call === undefined) return viaSdk(caller, req, res, body)
    return answerPlainCall(deps, caller, call, res)
  }
}
