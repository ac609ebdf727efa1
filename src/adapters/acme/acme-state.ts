import type { Challenge } from '../../domain/certificates/challenge-responder.ts'
import type { Json } from '../../kernel/canonical-json.ts'
import { listAt, textAt } from '../../kernel/json-members.ts'

export interface AnsweredChallenge extends Challenge {
  readonly type: string
  /** Where the server is told to look. */
  readonly url: string
}

const phases = ['placed', 'presented', 'answered', 'ready', 'finalized'] as const

/** What is kept of an order between its steps. The last step that ended gives the phase. */
export interface AcmeState {
  readonly phase: (typeof phases)[number]
  readonly orderUrl: string
  readonly challenges: readonly AnsweredChallenge[]
}

export function stateJson({ phase, orderUrl, challenges }: AcmeState): Json {
  return {
    phase,
    orderUrl,
    challenges: challenges.map(({ type, domain, token, keyAuthorization, url }) => ({
      type,
      domain,
      token,
      keyAuthorization,
      url,
    })),
  }
}

/** @returns undefined before the order is placed */
export function readState(json: Json | null): AcmeState | undefined {
  const phase = phases.find((each) => each === textAt(json, 'phase'))
  const orderUrl = textAt(json, 'orderUrl')
  if (phase === undefined || orderUrl === undefined) return undefined
  return {
    phase,
    orderUrl,
    challenges: listAt(json, 'challenges').map((each) => ({
      type: textAt(each, 'type') ?? '',
      domain: textAt(each, 'domain') ?? '',
      token: textAt(each, 'token') ?? '',
      keyAuthorization: textAt(each, 'keyAuthorization') ?? '',
      url: textAt(each, 'url') ?? '',
    })),
  }
}
