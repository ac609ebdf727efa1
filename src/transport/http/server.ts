import { isIPv6 } from 'node:net'
import Koa from 'koa'
import type { RequestFacts } from '../../gateway/caller.ts'
import { fault } from '../../kernel/fault.ts'
import { answerFault, type ErrorBoundaryDeps, errorBoundary } from './error-boundary.ts'
import { type HttpMiddleware, type HttpState, unmatchedRoute } from './http-context.ts'
import type { HttpMeter } from './http-meter.ts'
import { type BoundServer, bind, type ListenSettings } from './node-server.ts'
import { type ProbeDeps, probes } from './probes.ts'
import { clientRequestId, requestFacts } from './request-facts.ts'
import { isSameSite, type SiteNames } from './same-site.ts'

export interface HttpSettings extends ListenSettings, SiteNames {
  /** Networks whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[]
}

export interface HttpServerDeps extends ErrorBoundaryDeps, ProbeDeps {
  readonly settings: HttpSettings
  readonly meter: HttpMeter
  /** Takes everything under `/api`. */
  readonly rest: HttpMiddleware
  /** Takes `/rest/mcp`, `/rest/token/rotate` and the metadata under `/.well-known`, and reads its bodies itself. */
  readonly mcp: (ctx: Koa.Context, request: RequestFacts) => Promise<void>
}

export interface HttpServer {
  /** Resolves when connections are accepted. @throws when the address is taken or a TLS file cannot be read */
  listen(): Promise<{ readonly url: string; readonly port: number }>
  /** Accepts no more, lets running requests end for so long, then cuts them off. */
  stop(graceMs: number): Promise<void>
}

/** The HTTP side of the gateway. What happens to a request happens in the order of `app.use` below. */
export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const { settings } = deps
  const app = new Koa<HttpState>()
  let server: BoundServer | undefined
  const isStopping = () => server?.isStopping === true

  app.use(identify(deps))
  app.use(measure(deps))
  app.use(secureHeaders(settings))
  app.use(errorBoundary(deps))
  app.use(async (ctx, next) => {
    if (isStopping()) ctx.set('Connection', 'close')
    if (isStopping() && !ctx.path.startsWith('/health/')) return answerFault(ctx, fault('SHUTTING_DOWN'))
    await next()
    if (isStopping() && !ctx.headerSent) ctx.set('Connection', 'close')
  })
  app.use(refuseForeign(settings))
  app.use(probes(deps))
  app.use(mcpMount(deps))
  app.use(deps.rest)
  // What Koa itself could not send: the client went away, or a streamed answer broke off.
  app.on('error', (error: unknown) => deps.log.debug('answer broken off', { error }))

  return {
    async listen() {
      const handle = app.callback()
      server = await bind(settings, (request, response) => void handle(request, response))
      const { port } = server
      const host = isIPv6(settings.host) ? `[${settings.host}]` : settings.host
      return { url: `${settings.tls === undefined ? 'http' : 'https'}://${host}:${port}`, port }
    },
    async stop(graceMs) {
      await server?.drain(graceMs)
    },
  }
}

function identify({ settings }: HttpServerDeps): HttpMiddleware {
  return async (ctx, next) => {
    ctx.state.request = requestFacts(ctx.req, settings.trustedProxies)
    ctx.state.route = unmatchedRoute
    ctx.set('X-Request-Id', ctx.state.request.id)
    await next()
  }
}

function measure({ log, meter }: HttpServerDeps): HttpMiddleware {
  return async (ctx, next) => {
    const startMs = performance.now()
    ctx.res.once('close', () => {
      const { route, request } = ctx.state
      const durationMs = performance.now() - startMs
      const status = ctx.res.statusCode
      meter.answered(route, status, durationMs / 1000)
      log.debug('request', {
        method: ctx.method,
        route,
        status,
        durationMs: Math.round(durationMs),
        requestId: request.id,
        clientRequestId: clientRequestId(ctx.req),
        clientIp: request.clientIp,
      })
    })
    await next()
  }
}

function secureHeaders({ tls, publicUrl }: HttpSettings): HttpMiddleware {
  const isHttps = tls !== undefined || publicUrl?.startsWith('https:') === true
  return async (ctx, next) => {
    ctx.set({
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      ...(isHttps ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}),
    })
    await next()
  }
}

interface SiteAnswer {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly isSameSite: boolean
}

function refuseForeign(settings: HttpSettings): HttpMiddleware {
  // Nearly every request names the site as the one before it did, and taking a name apart is not cheap.
  let last: SiteAnswer = { host: undefined, origin: undefined, isSameSite: false }
  return async (ctx, next) => {
    const { host, origin } = ctx.req.headers
    if (host !== last.host || origin !== last.origin)
      last = { host, origin, isSameSite: isSameSite(settings, host, origin) }
    if (!last.isSameSite) return answerFault(ctx, fault('ORIGIN_FORBIDDEN'))
    await next()
  }
}

function mcpMount({ mcp }: HttpServerDeps): HttpMiddleware {
  return async (ctx, next) => {
    const isExact = ctx.path === '/rest/mcp' || ctx.path === '/rest/token/rotate'
    const isMcp = isExact || /^\/\.well-known\/oauth-protected-resource(?:\/|$)/.test(ctx.path)
    if (!isMcp) {
      await next()
      return
    }
    ctx.state.route = isExact ? ctx.path : '/.well-known/oauth-protected-resource'
    await mcp(ctx, ctx.state.request)
  }
}
