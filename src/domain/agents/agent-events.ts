import type { Json } from '../../kernel/canonical-json.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry, EventType } from '../audit/event.ts'
import { type Agent, agentFacts, agentResource, agentView } from './agent.ts'

/** The entry that records how an agent changed; `before` is null for a new one. */
export function agentChangedEntry(
  by: Author,
  type: Extract<EventType, `AGENT_${string}`>,
  before: Agent | null,
  after: Agent,
  details: { readonly [name: string]: Json } = {},
): Entry {
  return changeEntry(by, {
    type,
    resource: agentResource(after),
    agent: agentFacts(after),
    details: { ...details, before: before && agentView(before), after: agentView(after) },
  })
}
