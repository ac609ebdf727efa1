import { createReadStream } from 'node:fs'
import { linesOf } from '../../kernel/lines.ts'
import { checkDecision } from '../../policy/decision-check.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import { isPolicyInput } from '../../policy/input-check.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import { isObject, type Json } from '../api.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { callIdOf } from './eval.ts'

/** A decision as an audit export holds it. */
export interface RecordedDecision {
  readonly at: string
  readonly decisionId: string
  readonly input: PolicyInput
  readonly decision: Decision
}

/** From when on, and before when; RFC 3339. */
export interface Window {
  readonly from?: string
  readonly to?: string
}

/**
 * The decisions of an audit export, in its order. Left out is what was asked in another version of the schema, which no
 * present policy can answer, and what the gateway itself denied, which no policy was asked. Whether the export is genuine is for `certlocker audit verify` to say.
 * @param name of the export, for problems
 * @throws CliError when it is none, or holds no such decision
 */
export async function* decisionsIn(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  { from, to }: Window = {},
): AsyncGenerator<RecordedDecision> {
  const [fromMs, toMs] = [
    instant('--from', from) ?? Number.NEGATIVE_INFINITY,
    instant('--to', to) ?? Number.POSITIVE_INFINITY,
  ]
  if (fromMs >= toMs) throw new CliError(exitCodes.usage, '--from is not before --to: no call lies between them')
  let at = 0
  let found = false
  for await (const line of linesOf(bytes)) {
    at += 1
    const entry = parsed(line)
    if (entry === undefined || (at === 1 && !isHeader(entry)))
      throw new CliError(exitCodes.usage, `${name}, line ${at}: no audit export; \`certlocker audit export\` makes one`)
    const recorded = recordedIn(entry)
    const ms = recorded === undefined ? Number.NaN : Date.parse(recorded.at)
    if (recorded === undefined || ms < fromMs || ms >= toMs) continue
    found = true
    yield recorded
  }
  if (at === 0) throw new CliError(exitCodes.usage, `${name} is empty: give an audit export`)
  // "0 widened" would read like a proof.
  if (!found)
    throw new CliError(
      exitCodes.usage,
      `${name} holds no decision to replay: export one that spans calls of agents or people (\`certlocker audit export\`), and widen --from and --to`,
    )
}

/** The decisions of an export in a file. */
export async function* decisionsInFile(file: string, window?: Window): AsyncGenerator<RecordedDecision> {
  yield* decisionsIn(file, createReadStream(file), window)
}

function isHeader({ type }: Json): boolean {
  return type === 'certlocker.audit-export/v1' || type === 'certlocker.audit-part/v1'
}

function recordedIn({ event, input, decision }: Json): RecordedDecision | undefined {
  if (!isObject(event) || !isPolicyInput(input)) return undefined
  const checked = checkDecision(decision, callIdOf(input))
  if (!checked.ok || checked.value.reasons.some(({ rule }) => rule === 'gateway')) return undefined
  return { at: String(event['at']), decisionId: String(event['decisionId']), input, decision: checked.value }
}

function parsed(line: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function instant(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const ms = Date.parse(given)
  if (Number.isNaN(ms))
    throw new CliError(exitCodes.usage, `${flag} ${given} is no time: write it as 2026-03-01T09:30:00Z`)
  return ms
}
