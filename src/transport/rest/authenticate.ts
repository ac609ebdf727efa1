import { timingSafeEqual } from 'node:crypto'
import type { Actor } from '../../domain/audit/event.ts'
import { type ApiKeyPrincipal, apiKeyStatus } from '../../domain/people/api-key.ts'
import type { ApiKeyStore } from '../../domain/people/api-key-store.ts'
import { reachOf } from '../../domain/people/person.ts'
import type { AuthFailures } from '../../gateway/auth-failures.ts'
import type { OperatorCaller, RequestFacts } from '../../gateway/caller.ts'
import { bearerHash, isBearer } from '../../kernel/bearer.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

export interface AuthenticateDeps {
  readonly apiKeys: Pick<ApiKeyStore, 'findPrincipal'>
  readonly authFailures: AuthFailures
  /** `bearerHash` of the bootstrap admin key. */
  readonly adminKeyHash: Buffer
  /** Milliseconds since the Unix epoch, on a clock that follows the database's. */
  readonly now: () => number
}

export type Authenticate = (
  authorization: string | undefined,
  request: RequestFacts,
) => Promise<Result<OperatorCaller, Fault>>

type Refusal =
  | 'KEY_MISSING'
  | 'KEY_MALFORMED'
  | 'KEY_UNKNOWN'
  | 'KEY_EXPIRED'
  | 'KEY_REVOKED'
  | 'PERSON_DISABLED'
  | 'WRONG_BEARER_KIND'

/**
 * From the `Authorization` header to a person, or to the built-in service account. Every refusal has one text for the
 * caller (MCP tokens aside, whose holder is told where to go) and, in the event AI_AGENT_AUTH_FAILED, the reason for the operator.
 * @returns UNAUTHENTICATED; rejects with a FaultError when the database or the audit log is away
 */
export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  return async (authorization, request) => {
    const bearer = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
    if (bearer === undefined)
      return refuse(deps, authorization === undefined ? 'KEY_MISSING' : 'KEY_MALFORMED', undefined, request)
    const hash = bearerHash(bearer)
    if (timingSafeEqual(hash, deps.adminKeyHash)) return ok(bootstrapAdmin(request))
    if (isBearer('clk_mcp', bearer)) return refuse(deps, 'WRONG_BEARER_KIND', undefined, request)
    if (!isBearer('clk_api', bearer)) return refuse(deps, 'KEY_MALFORMED', undefined, request)
    const principal = await deps.apiKeys.findPrincipal(hash)
    if (principal === undefined) return refuse(deps, 'KEY_UNKNOWN', undefined, request)
    const refusal = refusalOf(principal, deps.now())
    return refusal === undefined ? ok(personCaller(principal, request)) : refuse(deps, refusal, principal, request)
  }
}

function refusalOf({ apiKey, person }: ApiKeyPrincipal, now: number): Refusal | undefined {
  const status = apiKeyStatus(apiKey, now)
  if (status !== 'active') return status === 'revoked' ? 'KEY_REVOKED' : 'KEY_EXPIRED'
  return person.disabledAt === null ? undefined : 'PERSON_DISABLED'
}

/** The holder of the bootstrap key. */
export function bootstrapAdmin(request: RequestFacts): OperatorCaller {
  return { kind: 'service', id: 'svc_bootstrap', name: 'bootstrap-admin', role: 'admin', groups: 'every', request }
}

function personCaller({ apiKey, person }: ApiKeyPrincipal, request: RequestFacts): OperatorCaller {
  return {
    kind: 'person',
    id: person.id,
    name: person.email,
    role: person.role,
    groups: reachOf(person),
    keyMinters: apiKey.minters,
    request,
  }
}

async function refuse(
  { authFailures }: AuthenticateDeps,
  reason: Refusal,
  principal: ApiKeyPrincipal | undefined,
  request: RequestFacts,
): Promise<Result<never, Fault>> {
  const actor: Actor | null =
    principal === undefined ? null : { kind: 'person', id: principal.person.id, name: principal.person.email }
  await authFailures.record(reason, request, { actor, details: { apiKeyId: principal?.apiKey.id ?? null } })
  const parts =
    reason === 'WRONG_BEARER_KIND' ? { message: 'MCP tokens are not for REST; send an API key (clk_api_…)' } : {}
  return err(fault('UNAUTHENTICATED', { ...parts, detail: reason }))
}
