import { approvalKinds, approvalStatuses, verdicts } from './approval.ts'

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const time = { type: 'string', format: 'date-time' } as const

export const approvalSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'kind',
    'status',
    'frozen',
    'agent',
    'agentId',
    'owner',
    'riskLevel',
    'launcher',
    'tokenId',
    'sessionId',
    'action',
    'tool',
    'arguments',
    'callDigest',
    'resource',
    'groups',
    'environment',
    'reasons',
    'claimed',
    'requirement',
    'votes',
    'createdAt',
    'expiresAt',
    'decidedAt',
    'useBefore',
  ],
  properties: {
    id: { ...text, description: 'Id of the approval', examples: ['apr_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    kind: {
      enum: approvalKinds,
      description: 'A tool call, or a question about something outside, which unlocks nothing',
    },
    status: { enum: approvalStatuses },
    frozen: { type: 'boolean', description: 'The agent is suspended: nobody decides until it is resumed' },
    agent: { ...text, description: 'Name of the agent that asks', examples: ['cursor-ops'] },
    agentId: text,
    owner: { ...text, description: "E-mail of the agent's owner, who may not decide" },
    riskLevel: text,
    launcher: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['name', 'verified'],
      properties: { name: text, verified: { type: 'boolean' } },
      description: "Who started the agent's client, who may not decide either",
    },
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
    groups: { ...texts, description: "Whose approvers may decide: the resource's groups, or else the agent's" },
    environment: { ...text, examples: ['production'] },
    claimed: {
      type: 'object',
      additionalProperties: false,
      required: ['reason'],
      properties: { reason: { ...text, description: 'Why the agent asks, in its own words' } },
      description: 'What the agent says. Nobody checked it',
    },
    votes: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['person', 'verdict', 'comment', 'at'],
        properties: { person: text, verdict: { enum: verdicts }, comment: text, at: time },
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
    decidedAt: { type: ['string', 'null'], format: 'date-time' },
    useBefore: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'Until then what was approved can be used',
    },
  },
} as const

/** What an approver reads before deciding. REST, command line and notices share it. */
export const approvalSummarySchema = {
  ...approvalSchema,
  required: [...approvalSchema.required, 'similar'],
  properties: {
    ...approvalSchema.properties,
    similar: {
      type: 'array',
      description: 'The latest other approvals for the same tool and resource, newest first',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'agent', 'status', 'arguments', 'decidedBy', 'createdAt', 'decidedAt'],
        properties: {
          id: text,
          agent: text,
          status: { enum: approvalStatuses },
          arguments: { type: 'object' },
          decidedBy: texts,
          createdAt: time,
          decidedAt: { type: ['string', 'null'], format: 'date-time' },
        },
      },
    },
  },
} as const

const COMMENT_CHARACTERS_MAX = 1024

/** What an approver says with a decision. */
export const approvalCommentSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    comment: {
      type: 'string',
      maxLength: COMMENT_CHARACTERS_MAX,
      description: 'Why; kept with the decision',
      examples: ['Deploy window CHG-1042'],
    },
  },
} as const
export type ApprovalComment = { readonly comment?: string }
