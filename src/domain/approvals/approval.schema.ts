import { approvalStatuses } from './approval.ts'

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const time = { type: 'string', format: 'date-time' } as const

export const approvalSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'status',
    'agent',
    'agentId',
    'owner',
    'riskLevel',
    'tokenId',
    'sessionId',
    'action',
    'tool',
    'arguments',
    'callDigest',
    'resource',
    'reasons',
    'requirement',
    'createdAt',
    'expiresAt',
  ],
  properties: {
    id: { ...text, description: 'Id of the approval', examples: ['apr_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    status: { enum: approvalStatuses },
    agent: { ...text, description: 'Name of the agent that asks', examples: ['cursor-ops'] },
    agentId: text,
    owner: { ...text, description: "E-mail of the agent's owner, who may not decide" },
    riskLevel: text,
    tokenId: text,
    sessionId: text,
    action: { ...text, examples: ['secret.read'] },
    tool: { ...text, examples: ['certlocker_get_secret'] },
    arguments: { type: 'object', description: 'What the agent sent; sensitive values are masked' },
    callDigest: { ...text, description: 'Identifies exactly this call' },
    resource: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['type', 'id', 'name', 'groups', 'environment', 'version'],
      properties: {
        type: text,
        id: { type: ['string', 'null'] },
        name: text,
        groups: texts,
        environment: text,
        version: { type: ['integer', 'null'] },
      },
    },
    reasons: {
      type: 'array',
      description: 'Why the policy asks for people',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'title'],
        properties: { code: text, title: text },
      },
    },
    requirement: {
      type: 'object',
      additionalProperties: false,
      required: ['groups', 'roles', 'quorum', 'useSeconds'],
      properties: { groups: texts, roles: texts, quorum: { type: 'integer' }, useSeconds: { type: 'integer' } },
      description: 'Who may decide, how many of them it takes, and how long the answer may then be used',
    },
    createdAt: time,
    expiresAt: { ...time, description: 'Until then it can be decided' },
  },
} as const
