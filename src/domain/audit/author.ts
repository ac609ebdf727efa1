import type { Json } from '../../kernel/canonical-json.ts'
import type { Actor, ClientFacts, DecisionRecord, Entry, EventType, ResourceFacts } from './event.ts'

/** Who causes a change, in which request, and the decision that let them. Every event of the change carries it. */
export interface Author {
  readonly actor: Actor
  /** The groups whose resources and rights they may hand out. An admin has every group. */
  readonly groups: 'every' | readonly string[]
  /** Ids of all who minted the API key in use, or the key that it was minted with, and so on. */
  readonly keyMinters?: readonly string[]
  readonly requestId: string | null
  readonly traceparent: string | null
  readonly client: ClientFacts | null
  /** Null for the gateway's own jobs, which no policy decides. */
  readonly decision: AuthorDecision | null
  /** True when an owner's way out was used although the policy was away or said otherwise. */
  readonly breakGlass: boolean
}

export interface AuthorDecision {
  readonly policy: { readonly revision: string; readonly digest: string } | null
  readonly inputDigest: string
  readonly record: DecisionRecord
  /** What the policy laid on the operation. */
  readonly obligations: readonly { readonly type: string; readonly properties: { readonly [name: string]: unknown } }[]
}

/** The gateway itself, for example a job that ends idle sessions. */
export function systemAuthor(job: string): Author {
  return {
    actor: { kind: 'system', id: `job:${job}`, name: job },
    groups: [],
    requestId: null,
    traceparent: null,
    client: null,
    decision: null,
    breakGlass: false,
  }
}

export interface Change {
  readonly type: EventType
  readonly resource: ResourceFacts & { readonly id: string | null }
  readonly agent?: Entry['event']['agent']
  readonly tokenId?: string | null
  readonly sessionId?: string | null
  readonly details: { readonly [name: string]: Json }
}

/** The entry that records a change and the decision that let it. `details` holds before and after, never a value. */
export function changeEntry(author: Author, change: Change): Entry {
  const { decision } = author
  return {
    event: {
      type: change.type,
      actor: author.actor,
      agent: change.agent ?? null,
      tokenId: change.tokenId ?? null,
      sessionId: change.sessionId ?? null,
      client: author.client,
      resource: change.resource,
      outcome: 'ok',
      decisionId: decision?.record.id ?? null,
      policy: decision?.policy ?? null,
      inputDigest: decision?.inputDigest ?? null,
      requestId: author.requestId,
      traceparent: author.traceparent,
      details: author.breakGlass ? { ...change.details, breakGlass: true } : change.details,
    },
    ...(decision === null ? {} : { decision: decision.record }),
  }
}
