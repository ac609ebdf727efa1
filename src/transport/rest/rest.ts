import { Router } from '@koa/router'
import type { Next } from 'koa'
import type { AuthFailures } from '../../gateway/auth-failures.ts'
import type { OperatorCaller } from '../../gateway/caller.ts'
import { fault } from '../../kernel/fault.ts'
import { type FaultCode, faults } from '../../kernel/faults.ts'
import { answerError, answerFault } from '../http/error-boundary.ts'
import type { HttpContext, HttpMiddleware, HttpState } from '../http/http-context.ts'
import { readJsonBody, readUpload } from '../http/read-json-body.ts'
import { type Authenticate, createAuthenticate } from './authenticate.ts'
import { answerOnce } from './numbered-request.ts'
import { openApiDocument } from './openapi.ts'
import type { RestDeps } from './rest-deps.ts'
import { Download, type Route, type RouteRefusal } from './route.ts'
import { apiPrefix, routes } from './routes.ts'

const openApiPath = '/api/openapi.json'

export interface RestParts extends RestDeps {
  readonly authFailures: AuthFailures
  /** `bearerHash` of the bootstrap admin key. */
  readonly adminKeyHash: Buffer
  readonly version: string
}

export interface Rest {
  readonly authenticate: Authenticate
  readonly middleware: HttpMiddleware
}

/** The REST API: the route table behind authentication, and the document that describes it. */
export function createRest(parts: RestParts): Rest {
  const { stores, authFailures, adminKeyHash, clock, version } = parts
  const authenticate = createAuthenticate({
    apiKeys: stores.apiKeys,
    authFailures,
    adminKeyHash,
    now: () => clock.now(),
  })
  let document: object | undefined
  const openApi = () => (document ??= openApiDocument(routes, { version, url: new URL(parts.mcpUrl()).origin }))
  return { authenticate, middleware: mount(parts, authenticate, openApi) }
}

/** Authenticate, read the body, and let the route validate, find its resource and ask the guard. */
function mount(deps: RestDeps, authenticate: Authenticate, openApi: () => object): HttpMiddleware {
  const router = new Router<HttpState>({ sensitive: true })
  for (const route of routes) {
    const path = `${apiPrefix}${route.path}`
    router.register(path, [route.method], async (ctx) => {
      ctx.state.route = path
      const [id = ''] = Object.values<string>(ctx.params)
      const caller = await authenticate(ctx.req.headers.authorization, ctx.state.request)
      if (!caller.ok) return answerFault(ctx, caller.error)
      await answer(deps, route, ctx, { caller: caller.value, id })
    })
  }
  router.get(openApiPath, (ctx) => {
    ctx.state.route = openApiPath
    ctx.body = openApi()
  })
  const middlewares = dispatcher(router)
  return (ctx, next) => middlewares.dispatch(ctx, () => middlewares.refuseMethod(ctx, next))
}

interface Dispatcher {
  dispatch(ctx: HttpContext, next: Next): Promise<unknown>
  refuseMethod(ctx: HttpContext, next: Next): Promise<unknown>
}

/** The router adds what it needs to a context by itself; its types ask for it beforehand. */
function dispatcher(router: Router<HttpState>): Dispatcher {
  return { dispatch: router.routes(), refuseMethod: router.allowedMethods() }
}

async function answer(
  deps: RestDeps,
  route: Route,
  ctx: HttpContext,
  { caller, id }: { readonly caller: OperatorCaller; readonly id: string },
): Promise<void> {
  const uploaded = route.upload === undefined ? undefined : await readUpload(ctx.req, route.upload.bytesMax)
  if (uploaded?.ok === false) return answerFault(ctx, uploaded.error)
  const body = route.body === undefined ? undefined : await readJsonBody(ctx.req)
  if (body?.ok === false) return answerFault(ctx, body.error)
  if (/[\p{Cc}\p{Cs}]/u.test(id)) return answerFault(ctx, fault('NOT_FOUND'))
  const sent = { id, query: { ...ctx.query }, body: body?.value, bytes: uploaded?.value ?? nothing }
  const result = await answerOnce(deps, route, caller, sent, ctx.get('idempotency-key') || undefined)
  if (!result.ok) return refuse(ctx, result.error)
  if (result.value.isReplayed) ctx.set('Idempotency-Replayed', 'true')
  ctx.status = result.value.status
  const { body: answered } = result.value
  ctx.body = answered instanceof Download ? answered.stream : answered
  ctx.type = answered instanceof Download ? answered.contentType : route.contentType
}

const nothing = Buffer.alloc(0)

function refuse(ctx: HttpContext, refusal: RouteRefusal): void {
  if (refusal.kind === 'fault') return answerFault(ctx, refusal.fault)
  if (refusal.kind === 'denied') {
    const { code, message, decisionId } = refusal
    const status = isFaultCode(code) ? faults[code].http : 403
    return answerError(ctx, { status, code, message, details: { decisionId } })
  }
  const { problems } = refusal
  const [first] = problems
  const summary = first === undefined ? '' : `: ${first.path === '' ? 'the request' : first.path} ${first.message}`
  const { http: status, text } = faults.ARGUMENT_INVALID
  answerError(ctx, { status, code: 'ARGUMENT_INVALID', message: `${text}${summary}`, details: { problems } })
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faults, code)
}
