import { eventTypes } from '../../domain/audit/event.ts'

const text = { type: 'string' } as const
const nullableText = { type: ['string', 'null'] } as const
const texts = { type: 'array', items: text } as const

function part(properties: { readonly [name: string]: object }, description: string) {
  return {
    type: ['object', 'null'],
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
    description,
  }
}

/** How a recorded event ended. */
export const outcomes = ['allow', 'deny', 'require_approval', 'ok', 'failed'] as const

const properties = {
  seq: { type: 'integer', minimum: 1, description: 'Place in the log, without gaps', examples: [1] },
  id: { ...text, description: 'Id of the event', examples: ['evt_7h2kq9x0m4c8d1e5f6g3abt2n'] },
  at: { ...text, format: 'date-time', description: 'When it was appended', examples: ['2026-03-01T09:30:00.000Z'] },
  type: { enum: eventTypes, description: 'What happened', examples: ['AI_AGENT_POLICY_DENIED'] },
  actor: part({ kind: text, id: text, name: text }, 'Who did it'),
  agent: part({ id: text, name: text, owner: text, riskLevel: text }, 'The agent concerned'),
  tokenId: nullableText,
  sessionId: nullableText,
  launcher: part({ name: text, verified: { type: 'boolean' } }, 'Who launched the client, claimed or verified'),
  client: part({ ip: text, name: text, version: text }, 'From where, and with what'),
  tool: nullableText,
  resource: part(
    {
      type: text,
      id: nullableText,
      name: text,
      groups: texts,
      environment: text,
      version: { type: ['integer', 'null'] },
    },
    'What it was about',
  ),
  outcome: { enum: [...outcomes, null], description: 'How it ended', examples: ['deny'] },
  code: { ...nullableText, description: 'Stable code of the reason', examples: ['GROUP_MISMATCH'] },
  reasons: {
    type: 'array',
    items: {
      type: 'object',
      required: ['code', 'title', 'severity', 'rule'],
      properties: { code: text, title: text, severity: text, rule: text },
    },
    description: 'Every reason that the policy gave',
  },
  decisionId: nullableText,
  attempt: { type: ['integer', 'null'] },
  policy: part({ revision: text, digest: text }, 'Which policy decided'),
  inputDigest: nullableText,
  requestId: nullableText,
  traceparent: nullableText,
  details: {
    type: 'object',
    description: 'What else belongs to this type of event; for changes `before` and `after`',
    examples: [{}],
  },
} as const

/** An audit event as the log has it. Absent parts are null. */
export const eventSchema = {
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
}
