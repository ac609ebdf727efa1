import type { Json } from '../../kernel/canonical-json.ts'
import { type Agent, agentFacts } from '../agents/agent.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry, EventType } from '../audit/event.ts'
import { type Token, tokenResource, tokenView } from './token.ts'

/** The entry that records what became of a token; `before` is null for a new one. It holds the token's view, never its value or hash. */
export function tokenChangedEntry(
  by: Author,
  type: Extract<EventType, `MCP_TOKEN_${string}`>,
  agent: Agent,
  before: Token | null,
  after: Token,
  now: number,
  details: { readonly [name: string]: Json } = {},
): Entry {
  return changeEntry(by, {
    type,
    resource: tokenResource(after),
    agent: agentFacts(agent),
    tokenId: after.id,
    details: { ...details, before: before && tokenView(before, now), after: tokenView(after, now) },
  })
}
