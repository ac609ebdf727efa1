import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Effect } from '../kernel/vocabulary.ts'
import type { Decision } from './decision.schema.ts'
import type { PolicyInput } from './input.schema.ts'

/** What became of one question under another policy. */
export interface Flip {
  /** By what it became: `widened` allowed, `narrowed` denied, `approval` dependent on one. */
  readonly kind: 'widened' | 'narrowed' | 'approval'
  /** The rule and the code of the reason that is gone where it is widened, else of the one that is new. */
  readonly rule: string
  readonly code: string
  readonly before: Effect
  readonly after: Effect
  readonly input: PolicyInput
}

/** How the answers differ. The counts are of all flips, the list may hold fewer. */
export interface Impact {
  readonly decisions: number
  readonly widened: number
  readonly narrowed: number
  readonly approvals: number
  readonly flips: readonly Flip[]
}

export interface ReplayOptions {
  /** The answer that stands: of the present policy, or as it was recorded. */
  readonly before: (input: PolicyInput) => Decision
  readonly after: (input: PolicyInput) => Decision
  /** How many flips are listed, the first ones. */
  readonly flipsMax?: number
}

/** So many questions may pass before others have their turn. */
const QUESTIONS_PER_TURN = 50

/**
 * Puts recorded questions to two policies. Exact for each question on the facts recorded with it; it does not say how
 * history would have gone on. Gives way to other work every 50 questions.
 */
export async function replay(
  inputs: AsyncIterable<PolicyInput> | Iterable<PolicyInput>,
  { before, after, flipsMax = Number.POSITIVE_INFINITY }: ReplayOptions,
): Promise<Impact> {
  const count = { widened: 0, narrowed: 0, approval: 0 }
  const flips: Flip[] = []
  let decisions = 0
  for await (const input of inputs) {
    const flip = flipOf(input, before(input), after(input))
    decisions += 1
    if (flip !== undefined) {
      count[flip.kind] += 1
      if (flips.length < flipsMax) flips.push(flip)
    }
    if (decisions % QUESTIONS_PER_TURN === 0) await nextTurn()
  }
  return { decisions, widened: count.widened, narrowed: count.narrowed, approvals: count.approval, flips }
}

const kinds = { allow: 'widened', deny: 'narrowed', require_approval: 'approval' } as const

/** @returns undefined where both answer alike */
export function flipOf(input: PolicyInput, before: Decision, after: Decision): Flip | undefined {
  if (before.effect === after.effect) return undefined
  const [reason] = (after.effect === 'allow' ? before : after).reasons
  const { rule = '', code = '' } = reason ?? {}
  return { kind: kinds[after.effect], rule, code, before: before.effect, after: after.effect, input }
}
