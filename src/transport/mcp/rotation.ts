import type Koa from 'koa'
import type { Author } from '../../domain/audit/author.ts'
import { type RotateTokenDeps, rotateToken } from '../../domain/tokens/rotate-token.ts'
import type { TokenStanding } from '../../domain/tokens/token-standing.ts'
import type { RequestFacts } from '../../gateway/caller.ts'
import { fault } from '../../kernel/fault.ts'
import { type AuthenticateDeps, authenticate } from './caller.ts'
import { type McpEndpoint, type McpEndpointDeps, refuse, refuseForNow } from './endpoint.ts'

export const rotationPath = '/rest/token/rotate'

export interface RotationDeps
  extends AuthenticateDeps,
    RotateTokenDeps,
    Pick<McpEndpointDeps, 'callRate' | 'publicUrl'> {}

/**
 * `POST /rest/token/rotate`: the bearer of a token that rotates gets its next value, once it is due. Nothing but the bearer
 * is read. No policy is asked: the successor has the rights of the token that was presented, and no more time.
 */
export function createRotation(deps: RotationDeps): McpEndpoint {
  return async (ctx, request) => {
    if (ctx.method !== 'POST') {
      ctx.set('Allow', 'POST')
      return refuse(ctx, request, fault('METHOD_NOT_ALLOWED'))
    }
    const caller = await authenticate(deps, ctx.get('authorization') || undefined, request)
    if (!caller.ok) return refuse(ctx, request, caller.error, deps)
    const { standing } = caller.value
    const allowance = deps.callRate.take(standing.token.chainId)
    if (!allowance.allowed) return refuseForNow(ctx, request, allowance)
    const rotated = await rotateToken(deps, author(standing, request), standing.token.id)
    if (!rotated.ok) return refuse(ctx, request, rotated.error, deps)
    if (rotated.value.kind === 'reused') return refuse(ctx, request, fault('UNAUTHENTICATED'), deps)
    if (rotated.value.kind === 'early') return refuseEarly(ctx, request, rotated.value.rotateAfter, deps.clock.now())
    const { value, expiresAt, rotateAfter } = rotated.value
    ctx.body = { value: value.expose(), expiresAt: expiresAt.toISOString(), rotateAfter: rotateAfter.toISOString() }
  }
}

/** `rotateAfter` stands where the answer to a rotation has it, so that a client reads it in one place. */
function refuseEarly(ctx: Koa.Context, request: RequestFacts, due: Date, now: number): void {
  const rotateAfter = due.toISOString()
  const { code, message } = fault('ROTATION_NOT_DUE')
  ctx.set('Retry-After', String(Math.max(1, Math.ceil((due.getTime() - now) / 1000))))
  ctx.status = 409
  ctx.body = { rotateAfter, error: { code, message, requestId: request.id, details: { rotateAfter } } }
}

function author({ agent }: TokenStanding, { id, traceparent, clientIp }: RequestFacts): Author {
  return {
    actor: { kind: 'agent', id: agent.id, name: agent.name },
    groups: [],
    requestId: id,
    traceparent,
    client: { ip: clientIp, name: '', version: '' },
    decision: null,
    breakGlass: false,
  }
}
