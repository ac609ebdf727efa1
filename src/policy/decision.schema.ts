import type { FromSchema } from 'json-schema-to-ts'
import { effects } from '../kernel/vocabulary.ts'

const text = { type: 'string', maxLength: 2048 } as const
const texts = { type: 'array', items: text, maxItems: 256 } as const

/** `certlocker.decision/v1`: what a policy answers. Checked strictly; anything else is a denial with a gateway code. */
export const decisionSchema = {
  $id: 'certlocker.decision/v1',
  type: 'object',
  additionalProperties: false,
  required: ['schema', 'inputSchema', 'callId', 'effect', 'reasons', 'obligations', 'approval', 'labels'],
  properties: {
    schema: { const: 'certlocker.decision/v1' },
    inputSchema: { const: 'certlocker.input/v1' },
    callId: text,
    effect: { enum: effects },
    reasons: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'title', 'severity', 'rule', 'details', 'visibility'],
        properties: {
          code: { type: 'string', pattern: '^[A-Z][A-Z0-9_]{2,63}$' },
          title: text,
          severity: { enum: ['low', 'medium', 'high', 'critical'] },
          rule: text,
          details: { type: 'object' },
          visibility: { enum: ['agent', 'operator'] },
        },
      },
    },
    obligations: {
      type: 'array',
      maxItems: 64,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type', 'properties'],
        properties: { type: text, properties: { type: 'object' } },
      },
    },
    approval: {
      type: 'object',
      additionalProperties: false,
      required: ['groups', 'roles', 'quorum', 'useSeconds'],
      properties: {
        groups: texts,
        roles: texts,
        quorum: { type: 'integer', minimum: 0, maximum: 16 },
        useSeconds: { type: 'integer', minimum: 0, maximum: 86_400 },
      },
    },
    labels: { type: 'object', additionalProperties: text },
  },
} as const

export type Decision = FromSchema<typeof decisionSchema>
export type Reason = Decision['reasons'][number]
export type Obligation = Decision['obligations'][number]
