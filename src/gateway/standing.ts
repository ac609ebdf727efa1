import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import { bearerState } from '../domain/tokens/token-chain.ts'
import type { TokenStanding } from '../domain/tokens/token-standing.ts'
import type { AgentCaller } from './caller.ts'

/** What a token stands for now, in one of its active sessions; undefined when there is no such token or session. */
export type StandingOf = (tokenId: string, sessionId: string) => Promise<TokenStanding | undefined>

export interface StandingDeps {
  readonly authority: AuthorityWatch
  readonly standingOf: StandingOf
}

/**
 * Whether a caller's right to call still stands, in the session it calls in and with all the rights that the policy was
 * told of. Each append to the audit log brings the present authority epoch back, so right after one this notices every
 * revocation that was committed before it, on whichever replica.
 */
export async function stillStands({ authority, standingOf }: StandingDeps, caller: AgentCaller): Promise<boolean> {
  const { standing, epoch } = caller
  if (standing.token.usableUntil.getTime() <= authority.now() || authority.hasEnded(caller.session.id)) return false
  return authority.epoch() === epoch || standsNow(standingOf, caller, authority.now())
}

/** The same, asked of the database: within a transaction, what stands there then. */
export async function standsNow(
  standingOf: StandingOf,
  { standing, session }: AgentCaller,
  nowMs: number,
): Promise<boolean> {
  const present = await standingOf(standing.token.id, session.id)
  return present !== undefined && refusalOf(present, nowMs) === undefined && covers(present, standing)
}

/** Whether what the policy was told still holds: no scope or group is gone, and it is about the same owner and risk. */
function covers(present: TokenStanding, told: TokenStanding): boolean {
  return (
    told.effectiveScopes.every((scope) => present.effectiveScopes.includes(scope)) &&
    told.effectiveGroups.every((group) => present.effectiveGroups.includes(group)) &&
    present.agent.ownerId === told.agent.ownerId &&
    present.agent.riskLevel === told.agent.riskLevel
  )
}

/** TOKEN_REUSED: a value that was replaced and is dead, which is a reason to revoke what came after it. */
export type StandingRefusal =
  | 'TOKEN_REVOKED'
  | 'TOKEN_REUSED'
  | 'TOKEN_EXPIRED'
  | 'AGENT_SUSPENDED'
  | 'AGENT_REVOKED'
  | 'OWNER_DISABLED'
  | 'KILL_IN_FORCE'

/** Why a token gives no right to call at all, if it gives none. */
export function refusalOf(
  { token, agent, ownerDisabled, killed }: TokenStanding,
  nowMs: number,
): StandingRefusal | undefined {
  const state = bearerState(token, nowMs)
  if (state === 'revoked') return 'TOKEN_REVOKED'
  if (state === 'dead') return 'TOKEN_REUSED'
  if (agent.status === 'revoked') return 'AGENT_REVOKED'
  if (agent.status === 'suspended') return 'AGENT_SUSPENDED'
  if (ownerDisabled) return 'OWNER_DISABLED'
  if (killed) return 'KILL_IN_FORCE'
  return state === 'expired' ? 'TOKEN_EXPIRED' : undefined
}
