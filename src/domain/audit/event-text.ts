import { canonicalJson } from '../../kernel/canonical-json.ts'
import { digestOfText } from '../../kernel/digest.ts'
import { newId } from '../../kernel/ids.ts'
import type { AuditEvent, DecisionRecord, Entry } from './event.ts'

/** An entry made ready for the log while it waits: everything is checked and written out but its place and time. */
export interface PreparedEntry {
  readonly id: string
  readonly event: Omit<AuditEvent, 'seq' | 'at'>
  readonly decision: DecisionRecord | undefined
  readonly characters: number
  /** The event's canonical JSON before `at`, between `at` and `seq`, and after `seq`. */
  readonly pieces: readonly [string, string, string]
}

/**
 * Checks an entry and writes it out. A decision's id and digests are put into its event, so that they cannot be forgotten.
 * @throws TypeError when the entry cannot be in the log: a bug of its writer, which must not spoil the entries of others
 */
export function prepareEntry({ event: draft, decision }: Entry): PreparedEntry {
  const inputDigest = decision
    ? agreed('inputDigest', draft.inputDigest, digestOfText(decision.input))
    : (draft.inputDigest ?? null)
  const decisionId = decision ? agreed('decisionId', draft.decisionId, decision.id) : (draft.decisionId ?? null)
  const id = newId('evt')
  const first = { actor: draft.actor ?? null, agent: draft.agent ?? null }
  const middle = {
    attempt: draft.attempt ?? null,
    client: draft.client ?? null,
    code: draft.code ?? null,
    decisionId,
    details: decision ? withDecisionDigest(draft.details ?? {}, decision) : (draft.details ?? {}),
    id,
    inputDigest,
    launcher: draft.launcher ?? null,
    outcome: draft.outcome ?? null,
    policy: draft.policy ?? null,
    reasons: draft.reasons ?? [],
    requestId: draft.requestId ?? null,
    resource: draft.resource ?? null,
  }
  const last = {
    sessionId: draft.sessionId ?? null,
    tokenId: draft.tokenId ?? null,
    tool: draft.tool ?? null,
    traceparent: draft.traceparent ?? null,
    type: draft.type,
  }
  const pieces = [
    `${canonicalJson(first).slice(0, -1)},"at":"`,
    `",${canonicalJson(middle).slice(1, -1)},"seq":`,
    `,${canonicalJson(last).slice(1)}`,
  ] as const
  refuseNul([draft.agent?.id, draft.sessionId, draft.resource?.id, draft.resource?.name, draft.resource?.environment])
  if (decision) refuseNul([decision.id, decision.input, decision.decision])
  const characters =
    pieces[0].length +
    pieces[1].length +
    pieces[2].length +
    (decision ? decision.input.length + decision.decision.length : 0)
  return { id, event: { ...first, ...middle, ...last }, decision, characters, pieces }
}

/** The canonical JSON (RFC 8785) of the whole event: what is hashed. */
export function eventText({ pieces: [first, middle, last] }: PreparedEntry, seq: number, at: string): string {
  return `${first}${at}${middle}${seq}${last}`
}

function withDecisionDigest(details: AuditEvent['details'], decision: DecisionRecord): AuditEvent['details'] {
  const { decisionDigest: given } = details
  if (given !== undefined && typeof given !== 'string') throw new TypeError('details.decisionDigest is not a text')
  return { ...details, decisionDigest: agreed('details.decisionDigest', given, digestOfText(decision.decision)) }
}

function agreed(name: string, given: string | null | undefined, actual: string): string {
  if (given !== undefined && given !== null && given !== actual)
    throw new TypeError(`${name} does not fit the decision`)
  return actual
}

/** PostgreSQL's text cannot hold NUL. In the event's JSON it is escaped. */
function refuseNul(texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text?.includes('\u0000'))) throw new TypeError('an audit entry holds a NUL character')
}
