import { canonicalJson } from '../../kernel/canonical-json.ts'
import { digestOfText } from '../../kernel/digest.ts'
import { newId } from '../../kernel/ids.ts'
import type { AuditEvent, DecisionRecord, Entry } from './event.ts'

/** An entry made ready for the log while it waits: everything is checked and written out but its place and time. */
export interface PreparedEntry {
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
  const { type, actor = null, agent = null, tokenId = null, sessionId = null, launcher = null, client = null } = draft
  const { tool = null, resource = null, outcome = null, code = null, reasons = [], attempt = null } = draft
  const { policy = null, requestId = null, traceparent = null } = draft
  const id = newId('evt')
  const { decisionId, inputDigest, details } = decision ? decisionMembers(draft, decision) : draftMembers(draft)
  const first = { actor, agent }
  const middle = {
    attempt,
    client,
    code,
    decisionId,
    details,
    id,
    inputDigest,
    launcher,
    outcome,
    policy,
    reasons,
    requestId,
    resource,
  }
  const last = { sessionId, tokenId, tool, traceparent, type }
  const pieces = [
    `${canonicalJson(first).slice(0, -1)},"at":"`,
    `",${canonicalJson(middle).slice(1, -1)},"seq":`,
    `,${canonicalJson(last).slice(1)}`,
  ] as const
  refuseNul([agent?.id, sessionId, resource?.id, resource?.name, resource?.environment])
  if (decision) refuseNul([decision.id, decision.input, decision.decision])
  const characters = charactersIn([...pieces, decision?.input ?? '', decision?.decision ?? ''])
  // Written out in full: spreading the three parts together takes V8 longer than all the rest.
  const event = {
    id,
    type,
    actor,
    agent,
    tokenId,
    sessionId,
    launcher,
    client,
    tool,
    resource,
    outcome,
    code,
    reasons,
    decisionId,
    attempt,
    policy,
    inputDigest,
    requestId,
    traceparent,
    details,
  }
  return { event, decision, characters, pieces }
}

/** The canonical JSON (RFC 8785) of the whole event: what is hashed. */
export function eventText({ pieces: [first, middle, last] }: PreparedEntry, seq: number, at: string): string {
  return `${first}${at}${middle}${seq}${last}`
}

type DecisionMembers = Pick<AuditEvent, 'decisionId' | 'inputDigest' | 'details'>

function draftMembers({ decisionId = null, inputDigest = null, details = {} }: Entry['event']): DecisionMembers {
  return { decisionId, inputDigest, details }
}

function decisionMembers(
  { decisionId, inputDigest, details = {} }: Entry['event'],
  of: DecisionRecord,
): DecisionMembers {
  const { decisionDigest } = details
  if (decisionDigest !== undefined && typeof decisionDigest !== 'string')
    throw new TypeError('decisionDigest is not a text')
  return {
    decisionId: agreed('decisionId', decisionId, of.id),
    inputDigest: agreed('inputDigest', inputDigest, digestOfText(of.input)),
    details: { ...details, decisionDigest: agreed('decisionDigest', decisionDigest, digestOfText(of.decision)) },
  }
}

function agreed(name: string, given: string | null | undefined, actual: string): string {
  if (given !== undefined && given !== null && given !== actual)
    throw new TypeError(`${name} does not fit the decision`)
  return actual
}

function charactersIn(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0)
}

/** PostgreSQL's text cannot hold NUL. In the event's JSON it is escaped. */
function refuseNul(texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text?.includes('\u0000'))) throw new TypeError('an audit entry holds a NUL character')
}
