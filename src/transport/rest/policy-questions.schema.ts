import { decisionSchema } from '../../policy/decision.schema.ts'
import { effects } from '../../kernel/vocabulary.ts'

const text = { type: 'string' } as const
const path = { ...text, description: 'As a rule writes it', examples: ['input.principal.riskLevel'] } as const
const value = { description: 'A text, a number, a truth value, or a list', examples: ['high'] } as const
const { reasons, obligations, approval } = decisionSchema.properties

export const explanationSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['effect', 'reasons', 'obligations', 'approval', 'policy', 'leastChange'],
  properties: {
    effect: { enum: effects, examples: ['deny'] },
    reasons: {
      type: 'array',
      items: {
        ...reasons.items,
        required: [...reasons.items.required, 'place', 'facts'],
        properties: {
          ...reasons.items.properties,
          code: { ...reasons.items.properties.code, examples: ['SCOPE_MISSING'] },
          title: { ...text, examples: ['Access denied. Scope secret:read is missing'] },
          rule: { ...text, examples: ['certlocker.rules.scope'] },
          place: {
            type: ['object', 'null'],
            additionalProperties: false,
            required: ['file', 'line'],
            properties: {
              file: { ...text, examples: ['certlocker/rules/scope/scope.rego'] },
              line: { type: 'integer', minimum: 1, examples: [17] },
            },
            description: 'Where the rule begins; null when the bundle has no source that says so',
          },
          facts: {
            type: 'array',
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['path', 'value'],
              properties: { path, value },
            },
            description: 'The facts without which the reason would not be there',
          },
        },
      },
    },
    obligations,
    approval,
    policy: {
      type: 'object',
      additionalProperties: false,
      required: ['revision', 'digest'],
      properties: { revision: text, digest: text },
      description: 'The bundle that answered',
    },
    leastChange: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['effect', 'changes'],
      properties: {
        effect: { enum: effects, examples: ['allow'] },
        changes: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['path', 'from', 'to'],
            properties: { path, from: value, to: value },
          },
        },
      },
      description: 'The smallest set of other facts that was found to lead to another answer; null when none was',
    },
  },
} as const

export const impactSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['decisions', 'widened', 'narrowed', 'approvals', 'flips'],
  properties: {
    decisions: { type: 'integer', description: 'Recorded calls that were replayed', examples: [120] },
    widened: { type: 'integer', description: 'Allowed now, and not on record', examples: [1] },
    narrowed: { type: 'integer', description: 'Denied now, and not on record', examples: [0] },
    approvals: { type: 'integer', description: 'Dependent on an approval now, and not on record', examples: [0] },
    flips: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['kind', 'rule', 'code', 'before', 'after', 'input'],
        properties: {
          kind: { enum: ['widened', 'narrowed', 'approval'], examples: ['widened'] },
          rule: { ...text, examples: ['custom.acme'] },
          code: { ...text, examples: ['ACME_FREEZE'] },
          before: { enum: effects, examples: ['deny'] },
          after: { enum: effects, examples: ['allow'] },
          input: { type: 'object', description: 'The question, certlocker.input/v1' },
        },
      },
      description: 'The latest of them, at most 100, of resources in your groups',
    },
  },
} as const
