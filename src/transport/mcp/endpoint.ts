import { isInitializeRequest, isJSONRPCRequest } from '@modelcontextprotocol/server'
import type Koa from 'koa'
import { agentFacts } from '../../domain/agents/agent.ts'
import type { Author } from '../../domain/audit/author.ts'
import type { LauncherFacts } from '../../domain/audit/event.ts'
import type { SessionActivity } from '../../domain/sessions/session-activity.ts'
import { endSession } from '../../domain/sessions/end-session.ts'
import { sessionLimits } from '../../domain/sessions/start-session.ts'
import type { TokenStanding } from '../../domain/tokens/token-standing.ts'
import type { CallMeter } from '../../gateway/call-meter.ts'
import type { AgentCaller, RequestFacts } from '../../gateway/caller.ts'
import type { CallRate } from '../../gateway/call-rate.ts'
import type { LimitAnswer } from '../../gateway/window-limit.ts'
import { isDeeperThan } from '../../kernel/bounded-text.ts'
import { type Fault, fault, must } from '../../kernel/fault.ts'
import { faults } from '../../kernel/faults.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { type AuthenticateDeps, authenticate } from './caller.ts'
import { type CallSessionDeps, namedSession, sessionOf } from './call-session.ts'
import { isInitialize, messageFacts } from './message.ts'
import { readJson } from '../http/read-json-body.ts'
import type { Handler } from './handler-types.ts'
import type { FindLauncher } from './launcher.ts'

const mcpPath = '/rest/mcp'
const metadataRoot = '/.well-known/oauth-protected-resource'
const resourceMetadataPath = `${metadataRoot}${mcpPath}`

/** JSON-RPC 2.0 section 5.1. */
const PARSE_ERROR = { code: -32700, message: 'Parse error' } as const
const INVALID_PARAMS = { code: -32602, message: 'Invalid params' } as const
const INVALID_REQUEST = { code: -32600, message: 'Invalid Request' } as const

/** Beyond what the guard refuses as an argument, and far from where recursion over a message would end in an exception. */
const MESSAGE_DEPTH_MAX = 512

export interface McpEndpointDeps extends AuthenticateDeps, CallSessionDeps {
  readonly handle: Handler
  readonly activity: SessionActivity
  readonly findLauncher: FindLauncher
  readonly callRate: CallRate
  /** The origin under which clients reach the gateway, without a trailing slash. */
  readonly publicUrl: () => string
  readonly meter: CallMeter
}

export type McpEndpoint = (ctx: Koa.Context, request: RequestFacts) => Promise<void>

/** `POST /rest/mcp`: authentication before policy, our own session rows, then the SDK. `DELETE` ends a session. */
export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  return async (ctx, request) => {
    if (ctx.path !== mcpPath) return metadata(deps, ctx, request)
    if (ctx.method === 'POST') return post(deps, ctx, request)
    if (ctx.method === 'DELETE') return remove(deps, ctx, request)
    ctx.set('Allow', 'POST, DELETE')
    refuse(ctx, request, fault('METHOD_NOT_ALLOWED'))
  }
}

/**
 * Protected resource metadata (RFC 9728): where this resource is, and how a bearer is sent. At the path form and the root.
 * It names no authorization server: bearers are issued by the operator, and none of the flows of OAuth gets one.
 */
function metadata({ publicUrl }: McpEndpointDeps, ctx: Koa.Context, request: RequestFacts): void {
  if (ctx.path !== resourceMetadataPath && ctx.path !== metadataRoot) return refuse(ctx, request, fault('NOT_FOUND'))
  ctx.body = {
    resource: `${publicUrl()}${mcpPath}`,
    resource_name: 'CertLocker MCP',
    bearer_methods_supported: ['header'],
  }
}

async function post(deps: McpEndpointDeps, ctx: Koa.Context, request: RequestFacts): Promise<void> {
  const timer = deps.meter.start()
  const caller = await authenticate(deps, ctx.get('authorization') || undefined, request)
  if (!caller.ok) return refuse(ctx, request, caller.error, deps)
  const { standing, epoch } = caller.value
  const isWithinLimit = (calls: number): boolean => {
    const allowance = deps.callRate.take(standing.token.chainId, calls)
    if (!allowance.allowed) refuseForNow(ctx, request, allowance)
    return allowance.allowed
  }
  if (!isWithinLimit(1)) return
  const body = await readJson(ctx.req)
  if (!body.ok)
    return body.error.code === 'BODY_INVALID' ? rpcError(ctx, PARSE_ERROR) : refuse(ctx, request, body.error)
  if (isDeeperThan(body.value, MESSAGE_DEPTH_MAX)) return rpcError(ctx, INVALID_REQUEST)
  if (Array.isArray(body.value)) {
    // A batch (revision 2025-03-26) is as many calls as it holds, and none of them may be the handshake.
    if (body.value.length > 1 && !isWithinLimit(body.value.length - 1)) return
    if (body.value.some(isInitialize)) return rpcError(ctx, INVALID_REQUEST)
  }

  const message = messageFacts(body.value, ctx.get('mcp-protocol-version') || undefined)
  // The SDK would put its validator's exception on the wire, and by then a session would be open.
  if (message.kind === 'initialize') {
    if (!isJSONRPCRequest(body.value)) return rpcError(ctx, INVALID_REQUEST)
    if (!isInitializeRequest(body.value)) return rpcError(ctx, INVALID_PARAMS)
  }
  const sessionId = ctx.get('mcp-session-id') || undefined
  const launcher = message.kind === 'handshake' ? ok(null) : await launcherOf(deps, standing, ctx, request)
  if (!launcher.ok) return refuse(ctx, request, launcher.error, deps)
  const asked = { caller: caller.value, message, request, sessionId, launcher: launcher.value }
  const session = await sessionOf(deps, asked)
  if (!session.ok) return refuse(ctx, request, session.error, deps)
  deps.activity.seen(session.value.id, standing.token.id, request.clientIp)
  timer.stage('auth')

  const agentCaller: AgentCaller = {
    standing,
    epoch,
    session: { id: session.value.id, startedAtMs: session.value.startedAt.getTime(), launcher: session.value.launcher },
    client: {
      name: session.value.client.name,
      version: session.value.client.version,
      protocol: session.value.protocolVersion,
    },
    request,
  }
  if (message.kind === 'initialize') ctx.res.setHeader('mcp-session-id', session.value.id)
  ctx.respond = false
  await deps.handle(agentCaller, ctx.req, ctx.res, body.value)
}

/** Who started the client, as a session's first request says. A handshake's later requests belong to who was told at first. */
async function launcherOf(
  { findLauncher, authFailures }: McpEndpointDeps,
  { agent, token }: TokenStanding,
  ctx: Koa.Context,
  request: RequestFacts,
): Promise<Result<LauncherFacts | null, Fault>> {
  const launcher = await findLauncher({
    launchedBy: ctx.get('x-certlocker-launched-by') || undefined,
    launcherToken: ctx.get('x-certlocker-launcher-token') || undefined,
  })
  if (!launcher.ok && launcher.error.code === 'UNAUTHENTICATED') {
    const facts = { agent: agentFacts(agent), tokenId: token.id, details: { reason: launcher.error.detail } }
    await authFailures.record('LAUNCHER_INVALID', request, facts)
  }
  return launcher
}

async function remove(deps: McpEndpointDeps, ctx: Koa.Context, request: RequestFacts): Promise<void> {
  const caller = await authenticate(deps, ctx.get('authorization') || undefined, request)
  if (!caller.ok) return refuse(ctx, request, caller.error, deps)
  const allowance = deps.callRate.take(caller.value.standing.token.chainId)
  if (!allowance.allowed) return refuseForNow(ctx, request, allowance)
  const session = await namedSession(deps, caller.value, ctx.get('mcp-session-id') || undefined)
  if (!session.ok) return refuse(ctx, request, session.error)
  const { agent } = caller.value.standing
  const author: Author = {
    actor: { kind: 'agent', id: agent.id, name: agent.name },
    groups: [],
    requestId: request.id,
    traceparent: request.traceparent,
    client: session.value.client,
    decision: null,
    breakGlass: false,
  }
  const { id, tokenId } = session.value
  must(await deps.sessionTurns.take(tokenId, () => endSession(deps, author, id, 'closed')))
  ctx.status = 200
  ctx.body = {}
}

/** 429 with the time to wait. */
export function refuseForNow(ctx: Koa.Context, request: RequestFacts, { retryAfterSeconds }: LimitAnswer): void {
  ctx.set('Retry-After', String(retryAfterSeconds))
  refuse(ctx, request, fault('RATE_LIMITED'))
}

/** Answers a fault; where bearers are asked for, with the challenge that says so (RFC 9728 section 5.1). */
export function refuse(
  ctx: Koa.Context,
  request: RequestFacts,
  { code, message, detail }: Fault,
  challenge?: Pick<McpEndpointDeps, 'publicUrl'>,
): void {
  const { http } = faults[code]
  if (http === 401 && challenge !== undefined) {
    // RFC 6750 section 3.1: who sent no credential gets no error code.
    const error = detail === 'TOKEN_MISSING' ? '' : 'error="invalid_token", '
    ctx.set('WWW-Authenticate', `Bearer ${error}resource_metadata="${challenge.publicUrl()}${resourceMetadataPath}"`)
  }
  if (code === 'SESSION_LIMIT') ctx.set('Retry-After', String(sessionLimits.retryAfterSeconds))
  ctx.status = http
  ctx.body = { error: { code, message, requestId: request.id } }
}

function rpcError(ctx: Koa.Context, error: { readonly code: number; readonly message: string }): void {
  ctx.status = 400
  ctx.body = { jsonrpc: '2.0', id: null, error }
}
