import { verifyExport } from '../../src/domain/audit/verifier.js'
import type { RestClient } from './rest-client.ts'

const outcomes = ['AI_AGENT_CALL_COMPLETED', 'AI_AGENT_CALL_FAILED']

/** What the audit log holds about calls. */
export interface RecordedCalls {
  /** The verifier's word on the export. */
  readonly isSound: boolean
  /** The event types of one request, in order. */
  typesOf(requestId: string): readonly string[]
  /** Sequence numbers that are missing below the last one. */
  readonly gaps: readonly number[]
  /** Requests with an effect or an outcome that no decision stands before. */
  readonly undecided: readonly string[]
}

interface Recorded {
  readonly seq: number
  readonly type: string
  readonly requestId: string | null
}

/** Exports the whole log, verifies it offline, and looks into its events. */
export async function recordedCalls(api: RestClient): Promise<RecordedCalls> {
  const text = String((await api.get('/audit/export')).body['text'])
  const key = String((await api.get('/audit/key')).body['text'])
  const lines = text.trimEnd().split('\n')
  const events = lines.flatMap((line): readonly Recorded[] => {
    const { event }: { readonly event?: Recorded } = JSON.parse(line)
    return event === undefined ? [] : [event]
  })
  const requests = new Map<string, string[]>()
  const undecided: string[] = []
  for (const { type, requestId } of events) {
    if (requestId === null || !type.startsWith('AI_AGENT_')) continue
    const types = requests.get(requestId) ?? []
    const isEffect = type === 'AI_AGENT_NOTE' || outcomes.includes(type)
    if (isEffect && !types.includes('AI_AGENT_POLICY_ALLOWED')) undecided.push(requestId)
    requests.set(requestId, [...types, type])
  }
  const present = new Set(events.map(({ seq }) => seq))
  const last = events.at(-1)?.seq ?? 0
  return {
    isSound: (await verifyExport(lines.join('\n'), key)).ok,
    typesOf: (requestId) => requests.get(requestId) ?? [],
    gaps: Array.from({ length: last }, (_, index) => index + 1).filter((seq) => !present.has(seq)),
    undecided,
  }
}
