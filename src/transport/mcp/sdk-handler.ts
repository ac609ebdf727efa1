import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  type AuthInfo,
  createMcpHandler,
  type ListToolsResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { AgentCaller } from '../../gateway/caller.ts'
import type { Tell } from '../../gateway/hold.ts'
import { idempotencyKeyName } from '../../gateway/idempotency-key.ts'
import type { Tool } from '../../gateway/tool.ts'
import { listedTools } from '../../gateway/tools/catalog.ts'
import { callToolResult } from './call-result.ts'
import type { Handler, HandlerDeps } from './handler-types.ts'
import { handshakeRevisions } from './message.ts'

const LIST_TTL_MS = 5000

/** The official SDK behind both eras: one handler table, a fresh stateless server per request, plain JSON Schema. */
export function createSdkHandler(deps: HandlerDeps): Handler {
  const callers = new WeakMap<AuthInfo, AgentCaller>()
  const { log } = deps
  const handler = createMcpHandler(
    ({ authInfo }) => {
      const caller = authInfo && callers.get(authInfo)
      if (caller === undefined) throw new Error('a request reached the MCP server without a caller')
      return serverFor(deps, caller)
    },
    { legacy: 'stateless', responseMode: 'auto', onerror: (error) => log.debug('mcp request refused', { error }) },
  )
  const nodeHandler = toNodeHandler(handler, { onerror: (error) => log.warn('mcp response broken off', { error }) })
  return async (caller, req, res, body) => {
    const auth: AuthInfo = { token: '[redacted]', clientId: caller.standing.agent.id, scopes: [] }
    callers.set(auth, caller)
    // Node types leave method and url optional with `undefined`; the SDK's own shape does not.
    await nodeHandler(Object.assign(req, { auth }) as Parameters<typeof nodeHandler>[0], res, body)
  }
}

function serverFor({ guard, catalog, serverInfo, log }: HandlerDeps, caller: AgentCaller): Server {
  const server = new Server(
    { ...serverInfo },
    {
      capabilities: { tools: {} },
      // The SDK would still agree to revisions before 2025-03-26, which have another transport.
      supportedProtocolVersions: [...handshakeRevisions],
      instructions:
        'Every call is decided by policy and recorded. A denial names its reason; approval_required means: call again later with the same arguments.',
      cacheHints: { 'tools/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' } },
    },
  )
  server.setRequestHandler('tools/list', () => ({
    tools: listedTools(catalog, caller.standing.effectiveScopes).map(listing),
  }))
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = catalog.find(({ name }) => name === params.name)
    if (tool === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown tool; tools/list names the tools')
    const { progressToken, [idempotencyKeyName]: idempotencyKey } = params._meta ?? {}
    const tell = progressToken === undefined ? undefined : progressTo(progressToken, context.mcpReq.notify)
    const sent = { arguments: params.arguments ?? {}, idempotencyKey, tell }
    const outcome = await guard.call(caller, tool, sent, context.mcpReq.signal)
    if (outcome.status === 'failed' && outcome.code === 'INTERNAL') {
      log.error('a tool call ended in a bug', { requestId: outcome.requestId })
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error', { requestId: outcome.requestId })
    }
    return server.projectCallToolResult(callToolResult(outcome), tool.outputSchema)
  })
  return server
}

/** Progress as the specification wants it: each notification says more than the one before. */
function progressTo(progressToken: string | number, notify: ServerContext['mcpReq']['notify']): Tell {
  let progress = 0
  return (message) => {
    progress += 1
    // Whether the client still listens is told by the call's signal.
    notify({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => undefined)
  }
}

function listing({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  readOnly,
}: Tool): ListToolsResult['tools'][number] {
  // Plain JSON Schema either way; the SDK's type only spells it out to every depth.
  const schemas = { inputSchema, outputSchema } as unknown as Pick<
    ListToolsResult['tools'][number],
    'inputSchema' | 'outputSchema'
  >
  return { name, title, description, ...schemas, annotations: { title, readOnlyHint: readOnly, openWorldHint: false } }
}
