import type { Json } from '../../kernel/canonical-json.ts'
import { type Agent, agentFacts } from '../agents/agent.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry, EventType } from '../audit/event.ts'
import { type Token, tokenResource, tokenView } from './token.ts'

/** What became of a token of an agent. */
interface TokenChange {
  readonly agent: Agent
  /** Null for a new one. */
  readonly before: Token | null
  readonly after: Token
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly details?: { readonly [name: string]: Json }
}

/** The entry that records a change of a token. It holds the token's view, never its value or hash. */
export function tokenChangedEntry(
  by: Author,
  type: Extract<EventType, `MCP_TOKEN_${string}`>,
  { agent, before, after, now, details }: TokenChange,
): Entry {
  return changeEntry(by, {
    type,
    resource: tokenResource(after),
    agent: agentFacts(agent),
    tokenId: after.id,
    details: { ...details, before: before && tokenView(before, now), after: tokenView(after, now) },
  })
}
