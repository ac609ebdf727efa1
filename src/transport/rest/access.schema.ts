import { effects } from '../../kernel/vocabulary.ts'

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const time = { type: 'string', format: 'date-time', examples: ['2026-03-01T09:30:00.000Z'] } as const

const resource = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'id', 'name', 'groups', 'environment'],
  properties: {
    type: { enum: ['certificate', 'host', 'secret'] },
    id: text,
    name: text,
    groups: texts,
    environment: text,
  },
  description: 'What is reached; never a value',
} as const

const actions = {
  type: 'array',
  description: 'What could be done now, as the active policy answers in simulation',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['action', 'tool', 'effect', 'reasons', 'path', 'tokens'],
    properties: {
      action: { ...text, description: 'The action that the policy decides', examples: ['secret.read'] },
      tool: {
        type: ['string', 'null'],
        description: 'The MCP tool; null for people',
        examples: ['certlocker_get_secret'],
      },
      effect: { enum: effects, examples: ['require_approval'] },
      reasons: {
        type: 'array',
        description: 'Why',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['code', 'title'],
          properties: { code: { ...text, examples: ['APPROVAL_PRODUCTION'] }, title: text },
        },
      },
      path: {
        type: 'array',
        description: 'Which role, scopes, groups or ownership lead there',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['kind', 'name'],
          properties: { kind: { enum: ['role', 'scope', 'group', 'ownership'], examples: ['group'] }, name: text },
        },
      },
      tokens: {
        ...texts,
        description: 'Active tokens of the agent that reach as far; empty where one would have to be minted first',
        examples: [[]],
      },
    },
  },
} as const

/** What one agent could do with one resource. */
export const agentAccessSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['resource', 'actions'],
  properties: {
    resource: {
      ...resource,
      type: ['object', 'null'],
      description: 'What is reached; null for tools that act on none',
    },
    actions,
  },
} as const

/** Who can reach a resource. */
export const resourceAccessSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['resource', 'principal', 'actions'],
  properties: {
    resource,
    principal: {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'id', 'name'],
      properties: { kind: { enum: ['agent', 'person', 'service'] }, id: text, name: text },
      description: 'Who reaches it',
    },
    actions,
  },
} as const

/** A secret version that an agent has read. */
export const exposureSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['secret', 'version', 'state', 'reads', 'firstReadAt', 'lastReadAt'],
  properties: {
    secret: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'name', 'groups', 'environment'],
      properties: { id: text, name: text, groups: texts, environment: text },
    },
    version: { type: 'integer', minimum: 0, description: 'The version whose value was given out', examples: [3] },
    state: {
      enum: ['current', 'superseded', 'deleted'],
      description: '`current`: the value is still in use, possibly restored under a later version: rotate it',
      examples: ['current'],
    },
    reads: { type: 'integer', minimum: 1, description: 'How often it was read', examples: [2] },
    firstReadAt: time,
    lastReadAt: time,
  },
} as const
