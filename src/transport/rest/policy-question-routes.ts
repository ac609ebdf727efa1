import { fault } from '../../kernel/fault.ts'
import { err } from '../../kernel/result.ts'
import { explanationSchema, impactSchema } from './policy-questions.schema.ts'
import { defineRoute, type Route } from './route.ts'
import { bodyShape } from './validate.ts'

const REPLAYED_DEFAULT = 10_000
const REPLAYED_MAX = 100_000
const time = { type: 'string', format: 'date-time', maxLength: 40, examples: ['2026-03-01T09:30:00Z'] } as const

type EvaluateBody = {
  readonly decisionId?: string
  readonly input?: unknown
}

type ReplayBody = {
  readonly digest: string
  readonly from?: string
  readonly to?: string
  readonly limit?: number
}

export const policyQuestionRoutes: readonly Route[] = [
  defineRoute({
    id: 'evaluatePolicy',
    method: 'POST',
    path: '/policy/evaluate',
    action: 'policy.evaluate',
    summary: 'Explain what the active policy answers to a call, recorded or made up, and what would change the answer',
    body: bodyShape<EvaluateBody>({
      type: 'object',
      additionalProperties: false,
      properties: {
        decisionId: {
          type: 'string',
          maxLength: 64,
          pattern: '^dec_[0-9a-z]+$',
          description: 'A decision on record',
          examples: ['dec_3k9m2p7q4r8s1t5v6w0x'],
        },
        input: { description: 'A whole certlocker.input/v1 document, held to the schema and bounds of every input' },
      },
    }),
    response: explanationSchema,
    errors: ['NOT_FOUND', 'STATE_CONFLICT'],
    handle: ({ policyQuestions }, by, { body: { decisionId, input } }) => {
      if (decisionId !== undefined && input === undefined) return policyQuestions.explain({ decisionId }, by)
      if (decisionId === undefined && input !== undefined) return policyQuestions.explain({ input }, by)
      return Promise.resolve(err(fault('ARGUMENT_INVALID', { message: 'Give either decisionId or input' })))
    },
  }),
  defineRoute({
    id: 'replayPolicy',
    method: 'POST',
    path: '/policy/replay',
    action: 'policy.replay',
    summary: 'Put recorded calls to a bundle that the gateway keeps, and tell which it answers differently',
    body: bodyShape<ReplayBody>({
      type: 'object',
      additionalProperties: false,
      required: ['digest'],
      properties: {
        digest: {
          type: 'string',
          maxLength: 71,
          pattern: '^sha256:[0-9a-f]{64}$',
          description: 'A bundle in the history, held ones included',
          examples: [`sha256:${'0'.repeat(64)}`],
        },
        from: { ...time, description: 'The first moment, inclusive' },
        to: { ...time, description: 'The last moment, exclusive' },
        limit: {
          type: 'integer',
          minimum: 1,
          maximum: REPLAYED_MAX,
          description: `The latest so many calls; ${REPLAYED_DEFAULT} unless said otherwise`,
          examples: [REPLAYED_DEFAULT],
        },
      },
    }),
    response: impactSchema,
    errors: ['NOT_FOUND', 'STATE_CONFLICT'],
    handle: ({ policyQuestions }, by, { body: { digest, from, to, limit = REPLAYED_DEFAULT } }) =>
      policyQuestions.replay(digest, { limit, from: moment(from), to: moment(to) }, by),
  }),
]

function moment(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}
