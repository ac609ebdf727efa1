import { agentFacts } from '../../domain/agents/agent.ts'
import type { AuthorityCache } from '../../domain/revocation/authority-cache.ts'
import type { AuthorityWatch } from '../../domain/revocation/authority-watch.ts'
import { isUnused } from '../../domain/tokens/token-chain.ts'
import { admitsAddress, type TokenStanding } from '../../domain/tokens/token-standing.ts'
import { bearerHash, isBearer } from '../../kernel/bearer.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AuthFailures } from '../../gateway/auth-failures.ts'
import type { RequestFacts } from '../../gateway/caller.ts'
import { refusalOf, type StandingRefusal } from '../../gateway/standing.ts'

export interface AuthenticateDeps {
  readonly authority: AuthorityWatch
  readonly standings: AuthorityCache<TokenStanding | undefined>
  readonly findStanding: (hash: Buffer) => Promise<TokenStanding | undefined>
  readonly authFailures: AuthFailures
  /** Successors whose first use is on record. */
  readonly firstUses: AuthorityCache<boolean>
  /** Puts the first use of a successor on record. False when it was replaced or revoked before. */
  readonly markUsed: (tokenId: string) => Promise<boolean>
  /** Revokes the chain of a value that is dead. False when it is not. */
  readonly revokeReused: (tokenId: string, request: RequestFacts) => Promise<boolean>
}

/** A token that may call, and the authority epoch under which that was established. */
export interface Authenticated {
  readonly standing: TokenStanding
  readonly epoch: number
}

type Refusal =
  | StandingRefusal
  | 'TOKEN_MISSING'
  | 'TOKEN_MALFORMED'
  | 'TOKEN_UNKNOWN'
  | 'WRONG_BEARER_KIND'
  | 'CIDR_MISMATCH'

/**
 * From the `Authorization` header to a standing token. Every refusal has one text for the caller and, in the event
 * AI_AGENT_AUTH_FAILED, the reason for the operator.
 * @returns UNAUTHENTICATED, or GATEWAY_REVOCATION_UNKNOWN when nobody can say whether the token was revoked
 */
export async function authenticate(
  deps: AuthenticateDeps,
  authorization: string | undefined,
  request: RequestFacts,
): Promise<Result<Authenticated, Fault>> {
  if (!(await deps.authority.fresh())) return err(fault('GATEWAY_REVOCATION_UNKNOWN'))
  const bearer = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
  if (bearer === undefined)
    return refuse(deps, authorization === undefined ? 'TOKEN_MISSING' : 'TOKEN_MALFORMED', undefined, request)
  if (isBearer('clk_api', bearer)) return refuse(deps, 'WRONG_BEARER_KIND', undefined, request)
  if (!isBearer('clk_mcp', bearer)) return refuse(deps, 'TOKEN_MALFORMED', undefined, request)

  const epoch = deps.authority.epoch()
  const hash = bearerHash(bearer)
  const standing = await deps.standings.get(hash.toString('base64'), () => deps.findStanding(hash))
  if (standing === undefined) return refuse(deps, 'TOKEN_UNKNOWN', undefined, request)
  const refusal = refusalOf(standing, deps.authority.now())
  // Also when it comes from outside its networks: whoever holds it should not.
  if (refusal === 'TOKEN_REUSED') await deps.revokeReused(standing.token.id, request)
  if (refusal !== undefined) return refuse(deps, refusal, standing, request)
  if (!admitsAddress(standing.token, request.clientIp)) return refuse(deps, 'CIDR_MISMATCH', standing, request)
  if (isUnused(standing.token) && !(await firstUse(deps, standing.token.id))) {
    const isReused = await deps.revokeReused(standing.token.id, request)
    return refuse(deps, isReused ? 'TOKEN_REUSED' : 'TOKEN_REVOKED', standing, request)
  }
  return ok({ standing, epoch })
}

/** Its predecessor may replace a successor only while this is not on record, so it has to be before anything is opened. */
function firstUse({ firstUses, markUsed }: AuthenticateDeps, tokenId: string): Promise<boolean> {
  return firstUses.get(tokenId, () => markUsed(tokenId))
}

async function refuse(
  deps: AuthenticateDeps,
  reason: Refusal,
  standing: TokenStanding | undefined,
  request: RequestFacts,
): Promise<Result<never, Fault>> {
  const facts = standing === undefined ? {} : { agent: agentFacts(standing.agent), tokenId: standing.token.id }
  await deps.authFailures.record(reason, request, facts)
  return err(fault('UNAUTHENTICATED', { detail: reason }))
}
