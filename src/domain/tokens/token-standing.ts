import { inCidrs } from '../../kernel/cidr.ts'
import { type Scope, scopes } from '../../kernel/vocabulary.ts'
import type { Agent } from '../agents/agent.ts'
import type { GroupReach } from '../groups/group-reach.ts'
import type { Token } from './token.ts'

export type StandingToken = Pick<
  Token,
  | 'id'
  | 'agentId'
  | 'prefix'
  | 'scopes'
  | 'isByOther'
  | 'groups'
  | 'cidrs'
  | 'expiresAt'
  | 'revokedAt'
  | 'chainId'
  | 'predecessorId'
  | 'singleUse'
  | 'spending'
  | 'rotatedAt'
  | 'usedAt'
  | 'usableUntil'
>

/** What the database says about a token, its agent and the agent's owner at one moment. */
export interface StandingFacts {
  readonly token: StandingToken
  readonly agent: Agent
  readonly owner: { readonly disabled: boolean; readonly reach: GroupReach }
  /** Whether a kill in force matches the agent. */
  readonly killed: boolean
}

/** What a token stands for at this moment. Authority is computed at each use, never copied when the token was made. */
export interface TokenStanding {
  readonly token: StandingToken
  readonly agent: Agent
  readonly ownerDisabled: boolean
  readonly killed: boolean
  /** In the order of the vocabulary. */
  readonly effectiveScopes: readonly Scope[]
  /** Names, sorted. */
  readonly effectiveGroups: readonly string[]
}

/**
 * Effective scopes are the agent's within the token's; effective groups the agent's within the token's and the owner's. The
 * owner's private secrets are not for the token of another, however the agent came to its scopes or its owner.
 */
export function tokenStanding({ token, agent, owner, killed }: StandingFacts): TokenStanding {
  return {
    token,
    agent,
    ownerDisabled: owner.disabled,
    killed,
    effectiveScopes: scopes.filter(
      (scope) =>
        agent.scopes.includes(scope) &&
        (token.scopes === null || token.scopes.includes(scope)) &&
        !(token.isByOther && scope === 'private_secret:read'),
    ),
    effectiveGroups: agent.groups.filter((group) => token.groups.includes(group) && reaches(owner.reach, group)).sort(),
  }
}

/** Whether the token may be used from that address. A token without networks may be used from everywhere. */
export function admitsAddress({ cidrs }: Pick<Token, 'cidrs'>, ip: string): boolean {
  return cidrs.length === 0 || inCidrs(ip, cidrs)
}

function reaches(reach: GroupReach, group: string): boolean {
  return reach === 'every' || reach.includes(group)
}
