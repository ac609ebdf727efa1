import type { Agent } from '../../domain/agents/agent.ts'
import { type Person, reachOf } from '../../domain/people/person.ts'
import type { Token } from '../../domain/tokens/token.ts'
import { type StandingToken, tokenStanding } from '../../domain/tokens/token-standing.ts'
import type { AgentCaller, OperatorCaller, RequestFacts } from '../caller.ts'

/** Rights with which an agent may call, and the tokens that carry just these. */
export interface SimulatedRights {
  readonly caller: AgentCaller
  /** Ids of tokens that still open something. */
  readonly tokens: readonly string[]
}

/** Further than any token lives: the latest time that a `Date` holds. */
const NEVER_MS = 8_640_000_000_000_000

/** Nobody sent it. */
const request: RequestFacts = { id: '', traceparent: null, clientIp: '' }

/**
 * Every set of rights an agent can call with now: first that of a token as wide as the agent itself, which whoever manages
 * it could mint at any time, then those of its active tokens. Tokens that the policy could not tell apart count as one.
 */
export function simulatedRights(
  agent: Agent,
  owner: Pick<Person, 'role' | 'groups' | 'disabledAt'>,
  tokens: readonly Token[],
): readonly [SimulatedRights, ...SimulatedRights[]] {
  const widest: StandingToken = {
    id: '',
    agentId: agent.id,
    prefix: '',
    scopes: null,
    isByOther: false,
    groups: agent.groups,
    cidrs: [],
    expiresAt: new Date(NEVER_MS),
    chainId: '',
    predecessorId: null,
    rotatedAt: null,
    usedAt: null,
    usableUntil: new Date(NEVER_MS),
    singleUse: false,
    spending: null,
    revokedAt: null,
  }
  const rights = (token: StandingToken, carried: readonly string[]): SimulatedRights => ({
    caller: {
      standing: tokenStanding({
        token,
        agent,
        owner: { disabled: owner.disabledAt !== null, reach: reachOf(owner) },
        killed: false,
      }),
      epoch: 0,
      session: { id: '', startedAtMs: Number.MAX_SAFE_INTEGER, launcher: null },
      client: { name: '', version: '', protocol: '' },
      request,
    },
    tokens: carried,
  })
  const alike = new Map<string, { readonly token: Token; readonly ids: string[] }>()
  for (const token of tokens) {
    const key = JSON.stringify([token.scopes, token.isByOther, token.groups, token.cidrs, token.spending !== null])
    const known = alike.get(key)
    if (known === undefined) alike.set(key, { token, ids: [token.id] })
    else known.ids.push(token.id)
  }
  return [rights(widest, []), ...[...alike.values()].map(({ token, ids }) => rights(token, ids))]
}

/** The person as they would ask over REST. */
export function simulatedPerson(person: Person): OperatorCaller {
  const { id, email: name, role } = person
  return { kind: 'person', id, name, role, groups: reachOf(person), request }
}
